"""The reasons are those of the claim: what claims leave is blocked, and what a claim takes was not blocked before."""

import json
import random
from typing import Any

import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.limits.blocked_keys import KeyFilter, KeySort, list_keys
from lapinq_core.lookup.why.blocking import KeyFull, KeyRate, LimitShort
from lapinq_core.lookup.why.why_not_running import FairTurn, InLine, Reason, find_reason
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.integration.limits.test_lanes import govern
from tests.support.rows.factories import Conn, add_worker, beat, claim, complete, enqueue
from tests.support.seeds import seeds

ROUNDS = 3


def rate(rand: random.Random, most: int) -> str:
    """So slow that nothing comes in during the test."""
    return json.dumps({"limit": 1, "period_seconds": 36_000, "burst": rand.randint(1, most)})


def policy(rand: random.Random) -> dict[str, Any]:
    return {
        "start_order": rand.choice(["priority", "fair", "strict_per_key"]),
        "max_running": rand.choice([None, None, 4, 8]),
        "max_running_per_key": rand.choice([None, 1, 2]),
        "rate": rate(rand, 12) if rand.random() < 0.3 else None,
        "rate_per_key": rate(rand, 4) if rand.random() < 0.3 else None,
        "weights": rand.choice([None, '{"a": 3}']),
    }


async def add_tasks(conn: Conn, rand: random.Random, queue: str, count: int) -> None:
    for _ in range(count):
        limits = {name: rand.randint(1, 5) for name in ("places", "units") if rand.random() < 0.3}
        await enqueue(
            conn,
            queue_name=queue,
            key=rand.choice([None, "a", "a", "b", "c"]),
            limits={f"{name} {queue}": units for name, units in limits.items()} or None,
            priority=rand.choice([0, 0, 1]),
        )


async def reasons(conn: Conn, queue: str) -> dict[str, Reason | None]:
    rows = await all_rows(conn, "SELECT id::text FROM lapinq_ready WHERE queue_name = %s", (queue,))
    return {task_id: await find_reason(conn, task_id) for (task_id,) in rows}


def free(found: dict[str, Reason | None]) -> dict[str, Reason | None]:
    return {task_id: reason for task_id, reason in found.items() if isinstance(reason, InLine | FairTurn)}


def was_freed(reason: Reason | None, after: dict[str, Reason | None]) -> bool:
    """Whether the task before it, which waited for units, now waits for its key, of which the claim started another."""
    return isinstance(reason, LimitShort) and isinstance(after.get(reason.first), KeyFull | KeyRate)


# Between them the quick ones have strict and fair order, and each limit.
@pytest.mark.parametrize("seed", seeds(range(5, 17), quick={9, 14}))
async def test_claims_leave_what_is_blocked_and_take_what_is_not(
    database: str, conn: Conn, seed: int
) -> None:
    worker = await add_worker(conn, concurrency=10_000)
    rand = random.Random(seed)
    queue = "mail"
    await conn.execute(
        "INSERT INTO lapinq_limits (name, max_running, rate, created_at)"
        " VALUES (%s, %s, NULL, lapinq_now()), (%s, NULL, %s, lapinq_now())",
        (f"places {queue}", rand.randint(1, 3), f"units {queue}", rate(rand, 10)),
    )
    rules = policy(rand)
    await govern(conn, queue, **rules)
    await add_tasks(conn, rand, queue, 20)
    running: list[Any] = []
    for _ in range(ROUNDS):
        await beat(conn, worker)
        before = await reasons(conn, queue)
        taken = await claim(conn, worker, 50, queue)
        after = await reasons(conn, queue)
        blocked = {
            c.id: reason
            for c in taken
            if c.id not in free(before) and not was_freed(reason := before[c.id], after)
        }
        assert blocked == {}, (seed, rules, "taken though blocked")
        while more := await claim(conn, worker, 50, queue):
            taken += more
        assert free(await reasons(conn, queue)) == {}, (seed, rules, "left though not blocked")
        by_key, by_age = [
            {one.key for one in (await list_keys(conn, queue, KeyFilter(sort=sort), 50)).keys}
            for sort in KeySort
        ]
        assert by_key == by_age, (seed, rules, "found by what blocks them")
        running += taken
        rand.shuffle(running)
        done, back, again, running = running[:2], running[2:4], running[4:5], running[5:]
        await complete(conn, done)
        await worker_verbs.release(conn, back)
        await worker_verbs.settle(conn, [ended_as(c.id, c.token, Retry(3600.0, "no", None)) for c in again])
        await add_tasks(conn, rand, queue, 3)

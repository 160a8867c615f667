"""Claims of lanes begin where the last one ended, and find what comes before that."""

import math
import uuid
from typing import Any

from psycopg import IsolationLevel
from psycopg.types.json import Jsonb

from lapinq_core.intake import enqueueing
from lapinq_core.tasks import claiming
from lapinq_core.tasks.claim_facts import LaneMark, facts_of
from tests.support.database.plans import least_blocks
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, enqueue, new_task

KEYS = 40


async def test_an_urgent_key_is_not_hidden_behind_the_news_of_a_pause(conn: Conn, worker: str) -> None:
    for call in range(60):
        await enqueueing.enqueue(conn, [new_task(key=f"{call} {n}") for n in range(20)])
    [urgent] = await enqueue(conn, 1, key="urgent", priority=9)
    assert [held.id for held in await claim(conn, worker, 1)] == [urgent]


async def test_under_a_held_snapshot_claims_pass_only_what_was_used_since_the_last(
    connections: Connections,
) -> None:
    conn, holder = await connections(2)
    worker = await add_worker(conn, concurrency=99)
    await enqueueing.enqueue(conn, [new_task(key=f"{n:03}") for _ in range(4) for n in range(400)])
    await holder.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    async with holder.transaction():
        await holder.execute("SELECT FROM lapinq_tasks LIMIT 1")
        pages: list[list[int]] = []
        for _ in range(3):
            for _ in range(10):
                await complete(conn, await claim(conn, worker, KEYS))
            marks = facts_of(conn).lane_mark("default"), LaneMark()
            pages.append([await least_blocks(conn, "claim_governed", params(worker, at)) for at in marks])
    more_from_the_mark, more_from_the_beginning = (
        last - first for first, last in zip(pages[0], pages[-1], strict=True)
    )
    assert more_from_the_mark < more_from_the_beginning / 2


async def test_under_a_held_snapshot_old_versions_of_queue_and_limit_and_news_of_others_cost_a_claim_nothing(
    connections: Connections,
) -> None:
    conn, holder = await connections(2)
    worker = await add_worker(conn, concurrency=99)
    rate = {"limit": 10**6, "period_seconds": 1, "burst": 10**6}
    await conn.execute("INSERT INTO lapinq_queues (name, rate) VALUES ('default', %s)", (Jsonb(rate),))
    await conn.execute(
        "INSERT INTO lapinq_limits (name, rate, created_at) VALUES ('mail', %s, lapinq_now())", (Jsonb(rate),)
    )
    await enqueue(conn, 60, limits={"mail": 1})
    await complete(conn, await claim(conn, worker, 9))
    await holder.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    async with holder.transaction():
        await holder.execute("SELECT FROM lapinq_tasks LIMIT 1")

        async def cost() -> list[int]:
            """Of a claim, and of a look before it."""
            look = {"queues": ["default"], "mark_ranks": [claiming.LOWEST_MARK[0]], "mark_seqs": [0]}
            claim = await least_blocks(conn, "claim_governed", params(worker, LaneMark()))
            return [claim, await least_blocks(conn, "may_start", look)]

        before = await cost()
        await conn.execute(
            "DO $$ BEGIN"
            " FOR n IN 1 .. 2000 LOOP"
            " UPDATE lapinq_queues SET tokens = 1000;"
            " UPDATE lapinq_limits SET tokens = 1000;"
            " END LOOP;"
            " INSERT INTO lapinq_limit_news (limit_name, units) SELECT 'other', 1 FROM generate_series(1, 60000);"
            " DELETE FROM lapinq_limit_news;"
            " END $$"
        )
        after = await cost()
    assert [late < early + 80 for early, late in zip(before, after, strict=True)] == [True, True]


async def test_a_claim_begins_with_a_lane_that_it_opens_itself(conn: Conn, worker: str) -> None:
    await enqueueing.enqueue(conn, [new_task(key=f"{n:02}") for n in range(KEYS)])
    await complete(conn, await claim(conn, worker, 9))
    [urgent] = await enqueue(conn, 1, key="urgent", priority=9)
    assert [held.id for held in await claim(conn, worker, 1)] == [urgent]


async def test_what_another_claim_opened_is_found_a_moment_later(connections: Connections) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn, concurrency=99)
    await enqueueing.enqueue(conn, [new_task(key=f"{n:02}") for n in range(KEYS)])
    await claim(conn, worker, 9)
    [urgent, *_] = await enqueue(conn, 3, key="urgent", priority=9)
    assert len(await claim(other, worker, 1)) == 1  # it takes in the news of them
    mark, _ = facts_of(conn).lane_marks["default"]
    assert urgent not in [held.id for held in await claim(conn, worker, 1)]
    facts_of(conn).lane_marks["default"] = (mark, -math.inf)
    assert (await claim(conn, worker, 1))[0].rank == -9


def params(worker: str, since: LaneMark) -> dict[str, Any]:
    about = {"queue": "default", "worker": worker, "token": str(uuid.uuid4()), "limit": 5, "free": 5}
    place = {"mark_rank": claiming.LOWEST_MARK[0], "mark_seq": 0, "max_rank": claiming.HIGHEST_RANK}
    lanes = {f"first_{field}": value for field, value in since._asdict().items()}
    return {**about, **place, **lanes, "isolated": 5, "lease": 310.0, "margin": 10.0, "watched": False}

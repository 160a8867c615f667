"""Fair order against start-time fair queueing, with random weights, costs, numbers of workers and sizes of claims."""

import os
import random
from collections import Counter
from typing import Any

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.limits import named_limits
from lapinq_core.tasks import queues, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.chaos.limits.judges import check_shares
from tests.support.rows.factories import SOMEBODY, Conn, Connections, add_worker, claim, complete, enqueue
from tests.support.tries import tries

FIRST, LAST = map(int, os.environ.get("LAPINQ_TEST_SEEDS", f"0:{tries(4)}").split(":"))
KEYS = "abcd"


async def cost_of(conn: Conn, ids: list[str]) -> dict[str, tuple[str, float]]:
    asked = (
        "SELECT id::text, key, coalesce((limits ->> 'units')::float8, 1)"
        " FROM lapinq_tasks WHERE id = ANY (%s::uuid[])"
    )
    rows = await all_rows(conn, asked, [ids])
    return {task_id: (key, cost) for task_id, key, cost in rows}


async def test_keys_get_their_shares_and_a_new_one_starts_within_a_turn(connections: Connections) -> None:
    conns = await connections(2)
    conn = conns[0]
    await named_limits.set_limit(conn, "units", 10_000, None, by=SOMEBODY)
    workers = [await add_worker(conn, concurrency=10_000) for _ in conns]
    for seed in range(FIRST, LAST):
        rand = random.Random(seed)
        queue = f"queue {seed}"
        weights = {key: rand.choice([1.0, 1.0, 2.0, 3.0, 0.5]) for key in KEYS}
        await queues.set_policy(conn, queue, {"order": "fair", "weights": weights}, by=SOMEBODY)
        most = rand.choice([1, 4])
        for _ in range(60):
            for key in KEYS:
                cost = rand.randint(1, most)
                await enqueue(conn, queue_name=queue, key=key, limits={"units": cost} if most > 1 else None)
        claimed: list[tuple[float, str, float]] = []
        running: list[Any] = []
        size = rand.choice([1, 3, 7])
        for turn in range(80 // size):
            worker = rand.randrange(2)
            got = await claim(conns[worker], workers[worker], size, queue)
            facts = await cost_of(conn, [held.id for held in got])
            assert len(got) == size
            claimed += [(turn, *facts[held.id]) for held in got]
            running += got
            rand.shuffle(running)
            await complete(conn, running[:2])
            again, running = running[2:3], running[3:]
            # A retry costs as much again.
            ended = [ended_as(held.id, held.token, Retry(0.0, "no", None)) for held in again]
            await worker_verbs.settle(conn, ended)
        check_shares(claimed, weights, weights, most, f"seed {seed}")
        [late] = await enqueue(conn, queue_name=queue, key="late")
        before: list[str] = []
        while late not in (ids := [held.id for held in await claim(conn, workers[0], size, queue)]):
            before += ids
        of_each = Counter(key for key, _ in (await cost_of(conn, before)).values())
        assert all(count <= 1 for count in of_each.values()), (seed, size, weights, of_each)


async def test_keys_share_alike_once_the_limit_that_held_some_of_them_back_has_room(conn: Conn) -> None:
    """First all have room, then few tasks or none may take from the limit, then all again."""
    worker = await add_worker(conn, concurrency=10_000)
    for seed in range(FIRST, LAST):
        rand = random.Random(seed)
        queue, limit = f"queue {seed}", f"api{seed}"
        weights = {key: rand.choice([1.0, 1.0, 2.0, 3.0, 0.5]) for key in KEYS}
        await queues.set_policy(conn, queue, {"order": "fair", "weights": weights}, by=SOMEBODY)
        # A key with tasks of both kinds has two lanes. A claim of several tasks takes from both.
        ways = {key: rand.choice([(None,), ({limit: 1},), ({limit: 1}, None)]) for key in KEYS}
        ways |= {"a": (None,), "b": ({limit: 1},)}
        size = 1 if any(len(both) > 1 for both in ways.values()) else rand.choice([1, 3])
        running: list[Any] = []
        for room in (10_000, rand.choice([1, 2]), 10_000):
            await named_limits.set_limit(conn, limit, room, None, by=SOMEBODY)
            claimed: list[tuple[float, str, float]] = []
            for turn in range(24 // size):
                for key, limits in ways.items():
                    for one in limits:
                        await enqueue(
                            conn, size * 3 if not turn else size, key=key, queue_name=queue, limits=one
                        )
                got = await claim(conn, worker, size, queue)
                facts = await cost_of(conn, [held.id for held in got])
                claimed += [(turn, *facts[held.id]) for held in got]
                running += got
                rand.shuffle(running)
                if room > 2 or rand.random() < 0.3:
                    await complete(conn, running[: size + 1])
                    running = running[size + 1 :]
            whose = {key: weights[key] for key in KEYS if room > 2 or ways[key] == ({limit: 1},)}
            judged = [claim for claim in claimed if claim[1] in whose]
            check_shares(judged, whose, whose, 1, f"seed {seed}, room {room}, size {size}, {ways}, {weights}")

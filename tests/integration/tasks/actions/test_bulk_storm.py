"""Deletions and requeues of many tasks amid everything else that moves tasks, for a while."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import actions, bulk, worker_verbs
from lapinq_core.tasks.bulk import Batch, Change
from lapinq_core.tasks.worker_verbs import Ended
from lapinq_core.upkeep import count_folding, maintenance_jobs
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, enqueue
from tests.support.rows.walks import ENTRY
from tests.support.tries import tries


async def test_in_a_storm_nothing_is_lost_and_every_count_is_true(connections: Connections) -> None:
    conns = await connections(11)
    looking, enqueueing, *others = conns
    rand = random.Random(4)
    over = asyncio.Event()
    worker = await add_worker(looking)

    async def enqueue_more() -> None:
        for number in range(tries(60)):
            values: dict[str, Any] = {"max_retries": 1000, "ttl_seconds": 0.05 if number % 4 == 0 else None}
            if number % 3 == 0:
                values["scheduled_at"] = "2099-01-01T00:00:00Z"
            await enqueue(enqueueing, 20, **values)
            await enqueueing.execute(
                "UPDATE lapinq_delayed SET due_at = lapinq_now() WHERE due_at > '2090-01-01'"
            )
        over.set()

    async def work_on(conn: Conn) -> None:
        held = sorted(await claim(conn, worker, 15), key=lambda one: one.id)
        if rand.random() < 0.4:
            await complete(conn, held)
        else:
            ended = [Ended(one.id, one.token, rand.random() < 0.6, True, 0, "no") for one in held]
            await worker_verbs.settle(conn, ended)

    async def requeue_one(conn: Conn) -> None:
        for (task_id,) in await all_rows(
            conn, "SELECT task_id FROM lapinq_attempts WHERE final AND outcome = 'failed' LIMIT 3"
        ):
            await actions.requeue(conn, str(task_id), by="lisa")

    async def change(conn: Conn, verb: Change, **chosen: Any) -> None:
        walk = await bulk.begin(conn, bulk.TaskFilter(**chosen))
        if walk is None:
            return
        step = await verb(conn, walk, Batch(size=10_000), ENTRY, None)
        if step is not None and step.left:
            await verb(conn, walk, Batch(size=len(step.left), ids=step.left), ENTRY, None)

    turns: list[Callable[[Conn], Awaitable[Any]]] = [
        work_on,
        work_on,
        maintenance_jobs.promote,
        maintenance_jobs.expire,
        lambda conn: (maintenance_jobs.cleanup if rand.random() < 0.5 else count_folding.fold_counts)(conn),
        requeue_one,
        lambda conn: change(conn, bulk.requeue_tasks, status=Status.FAILED),
        lambda conn: change(conn, bulk.delete_tasks, status=rand.choice([None, *Status])),
        lambda conn: change(conn, bulk.delete_tasks, args="%1%"),
    ]

    async def go_on(conn: Conn, turn: Callable[[Conn], Awaitable[Any]]) -> None:
        while not over.is_set():
            await turn(conn)

    async with asyncio.TaskGroup() as group:
        group.create_task(enqueue_more())
        for conn, turn in zip(others, turns, strict=True):
            group.create_task(go_on(conn, turn))
    await check_rows(conns[0], [])
    orphans = await looking.execute(
        "SELECT id FROM (SELECT id FROM lapinq_ready UNION ALL SELECT id FROM lapinq_delayed UNION ALL"
        " SELECT id FROM lapinq_running UNION ALL SELECT task_id FROM lapinq_attempts) AS placed"
        " WHERE NOT EXISTS (SELECT FROM lapinq_tasks t WHERE t.id = placed.id)"
    )
    assert await orphans.fetchall() == []

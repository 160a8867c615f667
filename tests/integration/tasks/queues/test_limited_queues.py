"""No more tasks of a queue run than its limit allows, on all workers together."""

import asyncio
import random

from lapinq_core.db.rows import first_value
from lapinq_core.limits.policies import QueuePolicy
from lapinq_core.tasks import queues, worker_verbs
from tests.integration.tasks.queues.test_queues import noted
from tests.support.rows.factories import (
    SOMEBODY,
    Conn,
    Connections,
    add_worker,
    claim,
    complete,
    enqueue,
    pause,
    resume,
)
from tests.support.tries import tries


async def limit(conn: Conn, max_running: int | None, queue: str = "default") -> QueuePolicy:
    """The policy after the change."""
    found = await queues.set_policy(conn, queue, {"max_running": max_running}, by=SOMEBODY)
    assert found is not None
    return found.policy


def limited(max_running: int | None, running: int) -> QueuePolicy:
    return QueuePolicy(max_running=max_running, running=running)


async def test_a_limit_counts_what_runs_on_all_workers_and_changes_at_once(database: str, conn: Conn) -> None:
    await enqueue(conn, 8)
    await enqueue(conn, 3, queue_name="other")
    one, other = await add_worker(conn), await add_worker(conn)
    before = await claim(conn, one, 2)
    assert await limit(conn, 3) == limited(3, 2)
    assert len(await claim(conn, other, 5)) == 1
    assert await claim(conn, one, 5) == []
    assert len(await claim(conn, one, 5, "other")) == 3

    await worker_verbs.release(conn, before[:1])
    assert await complete(conn, before[1:]) == 1
    released = await claim(conn, other, 5)
    assert released[0].id == before[0].id
    assert len(released) == 2

    assert await limit(conn, 1) == limited(1, 3)
    assert await claim(conn, one, 5) == []
    assert await limit(conn, 4) == limited(4, 3)
    await pause(conn, "default")
    assert await claim(conn, one, 5) == []
    await resume(conn, "default")
    assert len(await claim(conn, one, 5)) == 1
    assert await limit(conn, None) == limited(None, 4)
    assert await limit(conn, None) == limited(None, 4)
    assert len(await claim(conn, one, 5)) == 3
    assert await noted(conn) == [
        ("queue.set", "default", {"max_running": number}) for number in (3, 1, 4, None)
    ]


async def test_workers_that_claim_at_the_same_time_never_pass_the_limit(connections: Connections) -> None:
    tasks = tries(160)
    changing, *claiming = await connections(6)
    await enqueue(changing, tasks)
    await limit(changing, 3)
    done = 0

    async def change() -> None:
        while done < tasks:
            await limit(changing, random.choice((2, 3)))

    async def work(conn: Conn, chance: random.Random) -> None:
        nonlocal done
        worker = await add_worker(conn)
        while done < tasks:
            held = await claim(conn, worker, chance.randint(1, 4))
            assert await first_value(conn, "SELECT count(*) FROM lapinq_running") <= 3
            ended = await complete(conn, held)
            done += ended  # not across the await, during which others add theirs

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(change())
        for number, conn in enumerate(claiming):
            group.create_task(work(conn, random.Random(number)))

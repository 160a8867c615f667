"""What a queue does while a transaction that enqueued into it stays open: everything, as if it were not there."""

from collections.abc import Awaitable, Callable

import pytest
from psycopg.types.json import Jsonb

from lapinq import TaskQueue
from lapinq_core.tasks import queues
from tests.integration.intake.unique.enqueued import put_one, unique
from tests.integration.limits.test_lanes import keys_of
from tests.integration.limits.test_policies import set_policy
from tests.support.rows.factories import SOMEBODY, Conn, Connections, add_worker, claim, enqueue
from tests.support.sample import tasks

Enqueue = Callable[[Conn], Awaitable[object]]


async def from_sql(conn: Conn) -> None:
    task = {"task_name": "aadd", "module_path": "app", "key": "a", "limits": {"tokens": 1}}
    await conn.execute("SELECT lapinq_enqueue(%s)", [Jsonb(task)])


async def using(conn: Conn) -> None:
    task = TaskQueue().task(tasks.aadd).options(key="a", limits={"tokens": 1})
    await task.using(conn).aqueue(1, 2)


async def using_many(conn: Conn) -> None:
    queue = TaskQueue()
    task = queue.task(tasks.aadd).options(key="a", limits={"tokens": 1})
    await queue.using(conn).batch_enqueue([task.entry(1, 2)] * 2)


async def replacing(conn: Conn) -> None:
    """A task of `test` gets a key."""
    task = TaskQueue().task(tasks.aadd).options(key="a", unique={"key": "k", "on_conflict": "replace"})
    await task.using(conn).aqueue(1, 2)


@pytest.mark.parametrize(
    ("enqueue_in_it", "has_policy"),
    [
        (from_sql, False),
        (from_sql, True),
        (using, False),
        (using_many, True),
        (replacing, False),
        (replacing, True),
    ],
)
async def test_a_queue_goes_on_and_knows_lanes_after_the_commit(
    connections: Connections, enqueue_in_it: Enqueue, has_policy: bool
) -> None:
    conn, user = await connections(2)
    await conn.execute("SET lock_timeout = '100ms'")
    await conn.execute(
        "INSERT INTO lapinq_limits (name, max_running, created_at) VALUES ('tokens', 9, now())"
    )
    worker = await add_worker(conn)
    if has_policy:
        await set_policy(conn, max_running=9)
    await enqueue(conn, 2)
    await put_one(conn, unique())
    async with user.transaction():
        await enqueue_in_it(user)
        assert await keys_of(conn, await claim(conn, worker)) == [None]
        await queues.pause(conn, "default", "to see", by=SOMEBODY)
        await queues.resume(conn, "default", by=SOMEBODY)
        await set_policy(conn, max_running=8 if has_policy else None)
        await enqueue(conn, key="b", limits={"tokens": 1}, priority=1)
        assert await keys_of(conn, await claim(conn, worker)) == ["b"]
    assert set(await keys_of(conn, await claim(conn, worker, 9))) == {None, "a"}

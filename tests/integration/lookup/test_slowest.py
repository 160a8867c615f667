"""Which tasks ran longest, of the newest ones."""

import pytest

from lapinq_core.lookup import slowest as module
from lapinq_core.lookup.slowest import slowest
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue


async def run(conn: Conn, worker: str, queue: str, task_name: str, seconds: float) -> str:
    (task_id,) = await enqueue(conn, queue_name=queue, task_name=task_name)
    await complete(conn, await claim(conn, worker, 1, queue=queue))
    await conn.execute("UPDATE lapinq_attempts SET run_seconds = %s WHERE task_id = %s", (seconds, task_id))
    return task_id


async def test_the_slowest_come_first(database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = await add_worker(conn)
    old = await run(conn, worker, "a", "add", 90.0)
    slow = await run(conn, worker, "a", "add", 9.0)
    quick = await run(conn, worker, "a", "send", 1.0)
    other = await run(conn, worker, "b", "add", 5.0)
    assert [task.id for task in await slowest(conn)] == [old, slow, other, quick]
    assert [task.id for task in await slowest(conn, readable={"a"})] == [old, slow, quick]
    assert [task.seconds for task in await slowest(conn, task_name="add")] == [90.0, 9.0, 5.0]
    monkeypatch.setattr(module, "NEWEST", 3)
    assert [task.id for task in await slowest(conn, readable={"a"}, task_name="add")] == [slow]

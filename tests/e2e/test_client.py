"""The client against a real server with a worker: what the user writes, and what comes back."""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from lapinq import AsyncTaskQueue, TaskQueue
from tests.support.drivers.urls import plain_url
from tests.support.programs.processes import ApiProcess
from tests.support.sample import tasks, typed_tasks


@pytest.fixture(params=["server", "database"])
def address(request: pytest.FixtureRequest, server: ApiProcess) -> str:
    """What a client is given: the server's address, or the database's."""
    return server.url if request.param == "server" else plain_url(server.database)


@pytest.fixture
def queue(address: str) -> Iterator[TaskQueue]:
    with TaskQueue(address) as queue:
        yield queue


def test_a_function_runs_in_the_worker_and_its_value_comes_back(queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    ref = add.queue(1, b=2)
    assert ref.task_id is not None
    assert uuid.UUID(ref.task_id).version == 7
    result = ref.wait()
    assert datetime.fromisoformat(result.pop("completed_at")).utcoffset() == timedelta(0)
    assert result == {"id": ref.task_id, "status": "completed", "result": "3", "error": None}
    assert (ref.status(), queue.result(ref.task_id), ref.cancel()) == ("completed", 3, False)
    failed = queue.task(max_retries=0)(tasks.fail).queue("out of paper").wait()
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert "out of paper" in failed["error"]
    line = typed_tasks.Line(uuid.uuid4(), typed_tasks.Colour.RED)
    order = typed_tasks.Order(number=2026, lines=[line])
    take = queue.task(typed_tasks.atake)
    assert take.queue(order, due=date(2026, 5, 1)).result() == ["Order", ["Line"], {"due": "date"}]
    assert queue.task(typed_tasks.same).queue(order).result() == order
    batch = queue.batch_enqueue([add.entry(n, 1) for n in range(50)])
    assert batch.task_ids == sorted(set(map(str, batch.task_ids)))
    assert [one.result() for one in batch] == list(range(1, 51))


def test_coroutines_enqueue_and_wait(address: str) -> None:
    async def main() -> None:
        async with AsyncTaskQueue(address) as queue:
            add = queue.task(tasks.aadd)
            refs = await asyncio.gather(*(add.aqueue(n, n) for n in range(20)))
            results: list[Any] = await asyncio.gather(*refs)
            assert results == [2 * n for n in range(20)]
            assert await refs[0].astatus() == "completed"

    asyncio.run(main())


def test_a_task_enqueued_in_a_transaction_runs_after_its_commit(queue: TaskQueue, server: ApiProcess) -> None:
    with psycopg.connect(server.database) as conn:
        ref = queue.task(tasks.add).using(conn).queue(1, 2)
        batch = queue.using(conn).batch_enqueue([queue.task(tasks.aadd).entry(3, 4)])
        assert ref.status() is None
        conn.commit()
        assert [ref.result(), batch[0].result()] == [3, 7]

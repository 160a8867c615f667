"""The client against a real server with a worker: what the user writes, and what comes back."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
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


def value_of(result: dict[str, Any]) -> Any:
    assert result["status"] == "completed", result
    return json.loads(result["result"])


def test_a_function_runs_in_the_worker_and_its_value_comes_back(queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    ref = add.queue(1, b=2)
    assert ref.status_code == 201
    assert ref.task_id is not None
    assert uuid.UUID(ref.task_id).version == 7
    result = ref.wait()
    assert result.keys() == {"id", "status", "result", "error", "completed_at"}
    assert (result["id"], result["error"]) == (ref.task_id, None)
    assert datetime.fromisoformat(result["completed_at"]).utcoffset() == timedelta(0)
    assert value_of(result) == 3
    assert ref.status() == "completed"
    assert value_of(queue.task(tasks.aadd).queue(1, 2).wait()) == 3
    failed = queue.task(max_retries=0)(tasks.fail).queue("out of paper").wait()
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert "out of paper" in failed["error"]
    forgotten = queue.task(ttl_seconds=0)(tasks.add).queue(1, 2)
    assert (forgotten.status_code, forgotten.task_id) == (201, None)
    assert forgotten.json() == {"task_id": None, "ttl_seconds": 0}


def test_coroutines_enqueue_and_wait(address: str) -> None:
    async def main() -> None:
        async with AsyncTaskQueue(address) as queue:
            add = queue.task(tasks.aadd)
            refs = await asyncio.gather(*(add.aqueue(n, n) for n in range(20)))
            results = await asyncio.gather(*(ref.awaitait() for ref in refs))
            assert [value_of(result) for result in results] == [2 * n for n in range(20)]
            assert await refs[0].astatus() == "completed"

    asyncio.run(main())


def test_arguments_and_results_arrive_as_annotated(queue: TaskQueue) -> None:
    line = typed_tasks.Line(uuid.uuid4(), typed_tasks.Colour.RED)
    order = typed_tasks.Order(number=2026, lines=[line])
    take = queue.task(typed_tasks.atake)
    assert take.queue(order, due=date(2026, 5, 1)).result() == ["Order", ["Line"], {"due": "date"}]
    assert queue.task(typed_tasks.same).queue(order).result() == order


def test_a_batch_is_taken_in_its_order(queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    batch = queue.batch_enqueue([add.entry(n, 1) for n in range(50)])
    assert batch.status_code == 201
    ids: list[str] = batch.json()["task_ids"]
    assert ids == sorted(set(ids))
    assert [ref.result() for ref in batch] == list(range(1, 51))


def test_a_task_is_cancelled(queue: TaskQueue) -> None:
    ref = queue.task(scheduled_at=datetime.now(UTC) + timedelta(hours=1))(tasks.add).queue(1, 2)
    assert [ref.cancel(), ref.cancel(), ref.status()] == [True, True, "cancelled"]
    done = queue.task(tasks.add).queue(1, 2)
    assert (queue.result(str(done.task_id)), done.cancel()) == (3, False)


def test_a_task_enqueued_in_a_transaction_runs_after_its_commit(queue: TaskQueue, server: ApiProcess) -> None:
    with psycopg.connect(server.database) as conn:
        ref = queue.task(tasks.add).using(conn).queue(1, 2)
        batch = queue.using(conn).batch_enqueue([queue.task(tasks.aadd).entry(3, 4)])
        assert ref.status() is None
        conn.commit()
        assert [ref.result(), batch[0].result()] == [3, 7]

"""Coroutines against a real HTTP server. What plain code does as well is in test_client.py."""

import asyncio
import gc
from collections.abc import Iterator

import httpx
import pytest

from lapinq import AsyncTaskQueue, TaskQueue, TaskRef
from lapinq.errors import NotPersisted, RequestRefused, ResultTimeout, ServerUnavailable

from .conftest import TASK_ID, Script, finished

queue = AsyncTaskQueue()
plain_queue = TaskQueue()


@queue.task
async def add(a: int, b: int) -> int:
    return a + b


@plain_queue.task
def plain_add(a: int, b: int) -> int:
    return a + b


@pytest.fixture(autouse=True)
def at_the_server(server: Script) -> Iterator[None]:
    queue.server_url = plain_queue.server_url = server.url
    with plain_queue:
        yield


async def test_a_task_is_sent_and_its_result_object_and_status_come_back(server: Script) -> None:
    async with queue:
        ref = await add.options(queue_name="video", idempotency_key="a").aqueue(1, b=2)
        assert (ref.task_id, ref.is_async) == (TASK_ID, True)
        [request] = server.requests
        assert (request.headers["idempotency-key"], request.json) == (
            "a",
            {
                "task_name": "add",
                "module_path": __name__,
                "args": [1],
                "kwargs": {"b": 2},
                "priority": 0,
                "queue_name": "video",
            },
        )
        server.answer(200, {"error": "task not finished", "status": "running"})
        server.answer(503, {"error": "database away"})
        server.answer_result("3")
        assert await ref.awaitait(poll_interval=0.01) == finished("3")
        server.answer(200, {"error": "task not finished", "status": "running"})
        with pytest.raises(ResultTimeout, match="last seen as running"):
            await ref.awaitait(timeout=0)
        server.answer(200, {"id": TASK_ID, "status": "completed"})
        assert await ref.astatus() == "completed"
        server.answer(201, {"task_id": None, "ttl_seconds": 0})
        forgotten = await add.options(ttl_seconds=0).aqueue(1, 2)
        assert await forgotten.astatus() is None
        with pytest.raises(NotPersisted):
            await forgotten.awaitait()
        server.answer(401, {"error": "no key"})
        with pytest.raises(RequestRefused, match="task add was not enqueued: 401: no key"):
            await add.aqueue(1, 2)


async def test_a_coroutine_has_the_server_wait_and_no_thread(server: Script) -> None:
    async with queue:
        ref, plain = await add.aqueue(1, 2), await plain_add.aqueue(1, 2)
        for one, value in ((ref, "3"), (plain, "4")):
            server.answer_result(value)
            assert await one.aresult() == int(value)
    assert ["?wait=" in request.path for request in server.requests[2:]] == [True, False]


async def test_a_batch_is_one_request_and_its_refs(server: Script) -> None:
    async with queue:
        server.answer(503, {"error": "later"})
        server.answer(201, {"task_ids": ["1"]})
        batch = await queue.batch_enqueue([add.entry(1, 2)], idempotency_key="b")
        assert [request.headers["idempotency-key"] for request in server.requests] == ["b", "b"]
        assert (batch.json(), batch[0].task_id, batch[0].is_async) == ({"task_ids": ["1"]}, "1", True)
        server.answer(413, {"error": "too large"})
        with pytest.raises(RequestRefused, match="at most 1000 tasks"):
            await queue.batch_enqueue(add.entry(n, 1) for n in range(1001))
        with pytest.raises(RequestRefused, match="the batch was not enqueued: 413: too large"):
            await queue.batch_enqueue([add.entry(1, 2)])


async def test_refs_are_awaited_alone_and_together(server: Script) -> None:
    await_plain = TaskRef(TASK_ID, server.url)
    async with queue:
        ref = await add.aqueue(1, 2)
        for value in "34567":
            server.answer_result(value)
        assert await ref == 3
        assert sorted(await asyncio.gather(ref, await_plain)) == [4, 5]
        completed = [await one for one in asyncio.as_completed([ref, TaskRef(TASK_ID, queue=queue)])]
        assert sorted(completed) == [6, 7]
        server.answer_result("8")
        assert await queue.result(TASK_ID) == 8
        server.answer(200, {"id": TASK_ID, "status": "cancelled"})
        assert await ref.acancel()


async def test_without_a_server_aqueue_raises(nobody: str) -> None:
    async with AsyncTaskQueue(nobody, timeout=0.2) as away:
        with pytest.raises(ServerUnavailable) as raised:
            await away.task(add).aqueue(1, 2)
        assert isinstance(raised.value.__cause__, httpx.ConnectError)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_queue_serves_one_loop_after_another_also_after_one_that_did_not_close_it(server: Script) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> str | None:
        return (await add.aqueue(1, 2)).task_id

    async def closing() -> str | None:
        async with queue:
            await main()
            return await main()

    assert [asyncio.run(main()), asyncio.run(closing()), asyncio.run(closing())] == [TASK_ID] * 3
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(closing()) == TASK_ID
    gc.collect()
    of_left, *of_closed = (request.client_port for request in server.requests)
    assert len(set(of_closed)) == 3, "the requests of a loop share a connection"
    assert of_left not in of_closed


def test_tasks_of_each_kind_of_queue_are_enqueued_from_the_other_kind_of_code(server: Script) -> None:
    ref = add.queue(1, 2)
    server.answer_result("3")
    assert ref.wait()["result"] == "3"
    asyncio.run(queue.close())

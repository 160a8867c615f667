"""AsyncTaskQueue, and coroutines in general, against a real HTTP server."""

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


def test_aqueue_sends_the_task_and_returns_its_id(server: Script) -> None:
    async def main() -> TaskRef:
        async with queue:
            return await add.options(queue_name="video").aqueue(1, b=2)

    ref = asyncio.run(main())
    assert (ref.task_id, ref.is_async) == (TASK_ID, True)
    assert server.requests[0].json == {
        "task_name": "add",
        "module_path": __name__,
        "args": [1],
        "kwargs": {"b": 2},
        "priority": 0,
        "queue_name": "video",
    }


async def test_awaitait_returns_the_result_object(server: Script) -> None:
    async with queue:
        ref = await add.aqueue(1, 2)
        server.answer(200, {"error": "task not finished", "status": "running"})
        server.answer(503, {"error": "database away"})
        server.answer_result("3")
        assert await ref.awaitait(poll_interval=0.01) == finished("3")
        server.answer(200, {"error": "task not finished", "status": "running"})
        with pytest.raises(ResultTimeout, match="last seen as running"):
            await ref.awaitait(timeout=0)
        server.answer(200, {"id": TASK_ID, "status": "completed"})
        assert await ref.astatus() == "completed"


def test_a_coroutine_has_the_server_wait_and_no_thread(server: Script) -> None:
    async def main() -> None:
        async with queue:
            ref, plain = await add.aqueue(1, 2), await plain_add.aqueue(1, 2)
            server.answer_result("3")
            assert await ref.aresult() == 3
            server.answer_result("4")
            assert await plain.aresult() == 4

    asyncio.run(main())
    assert ["?wait=" in request.path for request in server.requests[2:]] == [True, False]


def test_idempotency_keys_are_sent_by_coroutines_too(server: Script) -> None:
    async def main() -> None:
        async with queue:
            await add.options(idempotency_key="a").aqueue(1, 2)
            await queue.batch_enqueue([add.entry(1, 2)], idempotency_key="b")

    asyncio.run(main())
    assert [request.headers["idempotency-key"] for request in server.requests] == ["a", "b"]


async def test_a_task_that_is_not_persisted_has_nothing_to_wait_for(server: Script) -> None:
    async with queue:
        server.answer(201, {"task_id": None, "ttl_seconds": 0})
        ref = await add.options(ttl_seconds=0).aqueue(1, 2)
        assert await ref.astatus() is None
        with pytest.raises(NotPersisted):
            await ref.awaitait()


async def test_a_batch_is_one_request_and_its_refs(server: Script) -> None:
    async with queue:
        server.answer(503, {"error": "later"})
        server.answer(201, {"task_ids": ["1"]})
        batch = await queue.batch_enqueue([add.entry(1, 2)])
        assert (batch.json(), [ref.task_id for ref in batch], batch[0].is_async) == (
            {"task_ids": ["1"]},
            ["1"],
            True,
        )
        server.answer(413, {"error": "too large"})
        with pytest.raises(RequestRefused, match="at most 1000 tasks"):
            await queue.batch_enqueue(add.entry(n, 1) for n in range(1001))
        with pytest.raises(RequestRefused, match="the batch was not enqueued: 413: too large"):
            await queue.batch_enqueue([add.entry(1, 2)])


async def test_a_refusal_is_raised(server: Script) -> None:
    async with queue:
        server.answer(401, {"error": "no key"})
        with pytest.raises(RequestRefused, match="task add was not enqueued: 401: no key"):
            await add.aqueue(1, 2)


def test_refs_are_awaited_alone_and_together(server: Script) -> None:
    async def main() -> None:
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

    await_plain = TaskRef(TASK_ID, server.url)
    asyncio.run(main())


async def test_without_a_server_aqueue_raises(nobody: str) -> None:
    async with AsyncTaskQueue(nobody, timeout=0.2) as away:
        with pytest.raises(ServerUnavailable) as raised:
            await away.task(add).aqueue(1, 2)
        assert isinstance(raised.value.__cause__, httpx.ConnectError)


def test_one_queue_serves_one_loop_after_another(server: Script) -> None:
    async def main() -> str | None:
        async with queue:
            refs = await asyncio.gather(*(add.aqueue(n, 0) for n in range(5)))
            return refs[-1].task_id

    assert [asyncio.run(main()) for _ in range(2)] == [TASK_ID] * 2
    assert len(server.requests) == 10


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ended_without_closing_does_not_hinder_the_next(server: Script) -> None:
    async def main() -> str | None:
        return (await add.aqueue(1, 2)).task_id

    async def closing() -> str | None:
        async with queue:
            return await main()

    assert asyncio.run(main()) == asyncio.run(closing()) == TASK_ID
    gc.collect()


def test_requests_of_a_loop_share_a_connection(server: Script) -> None:
    async def main() -> None:
        async with queue:
            for _ in range(3):
                await add.aqueue(1, 2)

    asyncio.run(main())
    assert len({request.client_port for request in server.requests}) == 1


async def test_a_task_of_a_plain_queue_is_enqueued_from_a_coroutine(server: Script) -> None:
    ref = await plain_add.aqueue(1, 2)
    server.answer_result("3")
    assert (await ref.awaitait())["result"] == "3"


def test_a_task_of_an_async_queue_is_enqueued_from_plain_code(server: Script) -> None:
    ref = add.queue(1, 2)
    server.answer_result("3")
    assert ref.wait()["result"] == "3"
    asyncio.run(queue.close())


def test_uvloop_is_served_too(server: Script) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> str | None:
        async with queue:
            return (await add.aqueue(1, 2)).task_id

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == TASK_ID

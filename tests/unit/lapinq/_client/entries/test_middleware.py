"""Middleware around the requests of a queue."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from lapinq import AsyncTaskQueue, Middleware, TaskQueue, TaskRef
from lapinq.errors import ServerUnavailable
from tests.unit.lapinq.conftest import TASK_ID, Script

Entries = list[dict[str, Any]]


def add(a: int, b: Any = 2) -> int:
    return a


class Recording(Middleware):
    """Notes what passes, under a name."""

    def __init__(self, name: str, notes: list[tuple[str, str, Any]]) -> None:
        self.name, self.notes = name, notes

    def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
        self.notes.append((self.name, "in", [dict(entry) for entry in entries]))
        answer = send(entries)
        self.notes.append((self.name, "out", answer))
        return answer

    async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
        self.notes.append((self.name, "in", [dict(entry) for entry in entries]))
        answer = await send(entries)
        self.notes.append((self.name, "out", answer))
        return answer


class Changing(Middleware):
    """Does to the entries what it is told, and hands on what that returns."""

    def __init__(self, change: Callable[[Entries], Entries | None]) -> None:
        self.change = change

    def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
        return send(self.change(entries) or entries)

    async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
        return await send(self.change(entries) or entries)


ENTRY = {
    "task_name": "add",
    "module_path": __name__,
    "args": [1],
    "kwargs": {"b": 3},
    "priority": 0,
    "queue_name": "video",
    "ttl_seconds": 60,
}


def by_queue(url: str, *middleware: Middleware) -> TaskRef:
    with TaskQueue(url, "video", 0.5, default_ttl_seconds=60, middleware=middleware) as queue:
        return queue.task(add).queue(1, b=3)


def by_aqueue(url: str, *middleware: Middleware) -> TaskRef:
    async def enqueue() -> TaskRef:
        async with AsyncTaskQueue(url, "video", 0.5, default_ttl_seconds=60, middleware=middleware) as queue:
            return await queue.task(add).aqueue(1, b=3)

    return asyncio.run(enqueue())


def by_aqueue_of_a_plain_queue(url: str, *middleware: Middleware) -> TaskRef:
    with TaskQueue(url, "video", 0.5, default_ttl_seconds=60, middleware=middleware) as queue:
        return asyncio.run(queue.task(add).aqueue(1, b=3))


def by_batch(url: str, *middleware: Middleware) -> httpx.Response:
    with TaskQueue(url, "video", 0.5, default_ttl_seconds=60, middleware=middleware) as queue:
        return queue.batch_enqueue([queue.task(add).entry(1, b=3)])


def by_abatch(url: str, *middleware: Middleware) -> httpx.Response:
    async def enqueue() -> httpx.Response:
        async with AsyncTaskQueue(url, "video", 0.5, default_ttl_seconds=60, middleware=middleware) as queue:
            return await queue.batch_enqueue(iter([queue.task(add).entry(1, b=3)]))

    return asyncio.run(enqueue())


SINGLE = [by_queue, by_aqueue, by_aqueue_of_a_plain_queue]
BATCH = [by_batch, by_abatch]


@pytest.mark.parametrize("send", [*SINGLE, *BATCH])
def test_the_first_is_the_outermost_and_sees_the_entry_and_the_answer(server: Script, send: Any) -> None:
    notes: list[tuple[str, str, Any]] = []
    answer = send(server.url, Recording("outer", notes), Recording("inner", notes))
    assert notes == [
        ("outer", "in", [ENTRY]),
        ("inner", "in", [ENTRY]),
        ("inner", "out", answer),
        ("outer", "out", answer),
    ]
    assert isinstance(answer, TaskRef if send in SINGLE else httpx.Response)
    assert answer.json() == {"task_id": TASK_ID}
    [request] = server.requests
    assert request.json == (ENTRY if send in SINGLE else [ENTRY])


@pytest.mark.parametrize("send", [*SINGLE, *BATCH])
def test_what_it_changes_is_sent(server: Script, send: Any) -> None:
    def change(entries: Entries) -> None:
        entries[0]["args"].append(9)
        entries[0]["kwargs"].clear()
        entries[0]["priority"] = 5

    send(server.url, Changing(change))
    [request] = server.requests
    sent = request.json if send in SINGLE else request.json[0]
    assert (sent["args"], sent["kwargs"], sent["priority"]) == ([1, 9], {}, 5)


@pytest.mark.parametrize("send", [*SINGLE, *BATCH])
def test_what_it_hands_on_in_place_of_them_is_sent_with_what_the_queue_adds(
    server: Script, send: Any
) -> None:
    send(server.url, Changing(lambda _: [{"task_name": "other", "module_path": "m"}]))
    [request] = server.requests
    sent = request.json if send in SINGLE else request.json[0]
    assert (sent["task_name"], sent["queue_name"], sent["ttl_seconds"]) == ("other", "video", 60)


def test_a_batch_may_change_its_number(server: Script) -> None:
    by_batch(server.url, Changing(lambda entries: entries * 2))
    assert len(server.requests[0].json) == 2


@pytest.mark.parametrize("send", SINGLE)
def test_a_request_for_one_task_stays_one(server: Script, send: Any) -> None:
    with pytest.raises(ValueError, match="a middleware passed on 2 entries in a request for one task"):
        send(server.url, Changing(lambda entries: entries * 2))
    assert server.requests == []


def test_what_it_changes_does_not_last(server: Script) -> None:
    def change(entries: Entries) -> None:
        for entry in entries:
            entry["metadata"]["trace"] = "x"
            entry["args"].append("x")

    metadata = {"team": "video"}
    with TaskQueue(server.url, middleware=[Changing(change)]) as queue:
        task = queue.task(metadata=metadata)(add)
        entry = task.entry(1)
        task.queue(1)
        queue.batch_enqueue([entry])
        assert task.entry(1) == entry
    assert metadata == {"team": "video"}
    assert entry["args"] == [1]
    assert server.requests[0].json["metadata"] == {"team": "video", "trace": "x"}


def test_arguments_are_checked_before_and_encoded_after(server: Script) -> None:
    def readable(entries: Entries) -> None:
        entries[0]["kwargs"] = {"b": repr(entries[0]["kwargs"]["b"])}

    with TaskQueue(server.url, middleware=[Changing(readable)]) as queue:
        queue.task(add).queue(1, b=object())
        assert server.requests[0].json["kwargs"]["b"].startswith("<object object")
    with TaskQueue(server.url, middleware=[Middleware()]) as queue:
        with pytest.raises(TypeError, match=r"^add\(\): argument 'b' cannot be sent as JSON"):
            queue.task(add).queue(1, b=object())
        with pytest.raises(TypeError, match=r"^add\(\): missing a required argument: 'a'"):
            queue.task(add).queue()  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("send", [*SINGLE, *BATCH])
def test_it_may_answer_without_sending(server: Script, send: Any) -> None:
    class Closed(Middleware):
        def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
            return "closed"

        async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
            return "closed"

    assert send(server.url, Closed()) == "closed"
    assert server.requests == []


@pytest.mark.parametrize("send", [*SINGLE, *BATCH])
def test_it_may_send_again(server: Script, send: Any) -> None:
    class Again(Middleware):
        def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
            send(entries)
            return send(entries)

        async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
            await send(entries)
            return await send(entries)

    send(server.url, Again())
    first, second = server.requests
    assert first.json == second.json


@pytest.mark.parametrize("send", [*SINGLE, *BATCH])
def test_what_goes_wrong_reaches_it_and_who_enqueues(nobody: str, send: Any) -> None:
    seen: list[Exception] = []

    class Watching(Middleware):
        def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
            try:
                return send(entries)
            except ServerUnavailable as error:
                seen.append(error)
                raise

        async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
            try:
                return await send(entries)
            except ServerUnavailable as error:
                seen.append(error)
                raise

    with pytest.raises(ServerUnavailable) as caught:
        send(nobody, Watching())
    assert seen == [caught.value]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Middleware, r"middleware takes instances: Middleware\(\), not Middleware"),
        (5, r"middleware takes instances of lapinq\.Middleware, not 5"),
    ],
)
def test_what_is_no_middleware_is_refused_at_once(given: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        TaskQueue(middleware=[given])
    with pytest.raises(TypeError, match=told):
        AsyncTaskQueue(middleware=[given])


def test_a_queue_tells_its_middleware() -> None:
    middleware = Middleware()
    assert TaskQueue(middleware=iter([middleware])).middleware == (middleware,)
    assert TaskQueue().middleware == ()


def test_what_it_changes_deep_inside_the_metadata_does_not_last_either(server: Script) -> None:
    def change(entries: Entries) -> None:
        for entry in entries:
            entry["metadata"]["tags"].append("x")
            entry["metadata"]["owner"]["names"]["first"] = "x"

    metadata: dict[str, Any] = {"tags": ["a"], "owner": {"names": {}}}
    with TaskQueue(server.url, middleware=[Changing(change)]) as queue:
        task = queue.task(metadata=metadata)(add)
        for _ in range(2):
            task.queue(1)
            queue.batch_enqueue([task.entry(1)])
    assert metadata == {"tags": ["a"], "owner": {"names": {}}}
    sent = {"tags": ["a", "x"], "owner": {"names": {"first": "x"}}}
    assert [request.json["metadata"] for request in server.requests[::2]] == [sent, sent]
    assert [request.json[0]["metadata"] for request in server.requests[1::2]] == [sent, sent]


def test_metadata_that_cannot_be_copied_is_refused_by_its_name(server: Script) -> None:
    with TaskQueue(server.url, middleware=[Middleware()]) as queue:
        task = queue.task(metadata={"lock": threading.Lock()})(add)
        with pytest.raises(TypeError, match=r"^metadata cannot be sent as JSON"):
            task.queue(1)
    assert server.requests == []


def test_no_middleware_may_be_written_as_none() -> None:
    assert TaskQueue(middleware=None).middleware == ()
    assert AsyncTaskQueue(middleware=None).middleware == ()

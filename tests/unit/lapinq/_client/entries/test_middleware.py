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


class Probe(Middleware):
    """Sends what `change` makes of the entries, one request after another, and notes what passes."""

    def __init__(
        self,
        name: str = "",
        notes: Any = None,
        change: Callable[[Entries], list[Entries]] = lambda given: [given],
    ) -> None:
        self.name, self.change = name, change
        self.notes: list[tuple[str, Any]] = [] if notes is None else notes

    def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
        self.notes.append((self.name, [dict(entry) for entry in entries]))
        answer: Any = "not sent"
        try:
            for one in self.change(entries):
                answer = send(one)
        except ServerUnavailable as error:
            self.notes.append((self.name, error))
            raise
        self.notes.append((self.name, answer))
        return answer

    async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
        self.notes.append((self.name, [dict(entry) for entry in entries]))
        answer: Any = "not sent"
        try:
            for one in self.change(entries):
                answer = await send(one)
        except ServerUnavailable as error:
            self.notes.append((self.name, error))
            raise
        self.notes.append((self.name, answer))
        return answer


ENTRY = {
    "task_name": "add",
    "module_path": __name__,
    "args": [1],
    "kwargs": {"b": 3},
    "priority": 0,
    "queue_name": "video",
    "ttl_seconds": 60,
}


async def by_queue(queue: TaskQueue, _: AsyncTaskQueue) -> TaskRef:
    return queue.task(add).queue(1, b=3)


async def by_aqueue(_: TaskQueue, queue: AsyncTaskQueue) -> TaskRef:
    return await queue.task(add).aqueue(1, b=3)


async def by_aqueue_of_a_plain_queue(queue: TaskQueue, _: AsyncTaskQueue) -> TaskRef:
    return await queue.task(add).aqueue(1, b=3)


async def by_batch(queue: TaskQueue, _: AsyncTaskQueue) -> httpx.Response:
    return queue.batch_enqueue([queue.task(add).entry(1, b=3)])


async def by_abatch(_: TaskQueue, queue: AsyncTaskQueue) -> httpx.Response:
    return await queue.batch_enqueue(iter([queue.task(add).entry(1, b=3)]))


SINGLE = [by_queue, by_aqueue, by_aqueue_of_a_plain_queue]
BATCH = [by_batch, by_abatch]


def sends(send: Any, url: str, *middleware: Middleware) -> Any:
    async def main() -> Any:
        with TaskQueue(url, "video", 0.5, default_ttl_seconds=60, middleware=middleware) as plain:
            async with AsyncTaskQueue(
                url, "video", 0.5, default_ttl_seconds=60, middleware=middleware
            ) as queue:
                return await send(plain, queue)

    return asyncio.run(main())


@pytest.mark.parametrize("send", [*SINGLE, *BATCH])
def test_it_sees_and_changes_what_is_sent_and_what_is_answered(
    server: Script, nobody: str, send: Any
) -> None:
    is_single = send in SINGLE
    notes: list[tuple[str, Any]] = []

    def sent(*middleware: Middleware) -> list[Entries]:
        """The entries of each request."""
        server.requests.clear()
        sends(send, server.url, *middleware)
        return [[request.json] if is_single else request.json for request in server.requests]

    assert sent(Probe("outer", notes), Probe("inner", notes)) == [[ENTRY]]
    answer = notes[-1][1]
    assert notes == [("outer", [ENTRY]), ("inner", [ENTRY]), ("inner", answer), ("outer", answer)]
    assert isinstance(answer, TaskRef if is_single else httpx.Response)
    assert answer.json() == {"task_id": TASK_ID}

    def change(entries: Entries) -> list[Entries]:
        entries[0]["args"].append(9)
        entries[0]["kwargs"].clear()
        entries[0]["priority"] = 5
        return [entries]

    assert sent(Probe(change=change)) == [[{**ENTRY, "args": [1, 9], "kwargs": {}, "priority": 5}]]
    other = {"task_name": "other", "module_path": "m"}
    [[entry]] = sent(Probe(change=lambda _: [[other]]))
    assert entry.items() >= (other | {"queue_name": "video", "ttl_seconds": 60}).items()
    assert sent(Probe(change=lambda given: [given, given])) == [[ENTRY], [ENTRY]]
    assert sent(Probe("", notes, change=lambda _: [])) == []
    assert notes[-1] == ("", "not sent")
    doubling = Probe(change=lambda given: [given * 2])
    if is_single:
        with pytest.raises(ValueError, match="a middleware passed on 2 entries in a request for one task"):
            sent(doubling)
        assert server.requests == []
    else:
        assert sent(doubling) == [[ENTRY, ENTRY]]
    with pytest.raises(ServerUnavailable) as caught:
        sends(send, nobody, Probe("", notes))
    assert notes[-1] == ("", caught.value)


def test_what_it_changes_does_not_last(server: Script) -> None:
    def change(entries: Entries) -> list[Entries]:
        for entry in entries:
            entry["args"].append("x")
            entry["metadata"]["trace"] = "x"
            entry["metadata"]["tags"].append("x")
            entry["metadata"]["owner"]["names"]["first"] = "x"
        return [entries]

    metadata: dict[str, Any] = {"tags": ["a"], "owner": {"names": {}}}
    with TaskQueue(server.url, middleware=[Probe(change=change)]) as queue:
        task = queue.task(metadata=metadata)(add)
        entry = task.entry(1)
        for _ in range(2):
            task.queue(1)
            queue.batch_enqueue([entry])
        assert task.entry(1) == entry
    assert metadata == {"tags": ["a"], "owner": {"names": {}}}
    assert entry["args"] == [1]
    sent = {"trace": "x", "tags": ["a", "x"], "owner": {"names": {"first": "x"}}}
    assert [request.json["metadata"] for request in server.requests[::2]] == [sent, sent]
    assert [request.json[0]["metadata"] for request in server.requests[1::2]] == [sent, sent]


def test_arguments_are_checked_before_and_encoded_after(server: Script) -> None:
    def readable(entries: Entries) -> list[Entries]:
        entries[0]["kwargs"] = {"b": repr(entries[0]["kwargs"]["b"])}
        return [entries]

    with TaskQueue(server.url, middleware=[Probe(change=readable)]) as queue:
        queue.task(add).queue(1, b=object())
    [request] = server.requests
    assert request.json["kwargs"]["b"].startswith("<object object")
    with TaskQueue(server.url, middleware=[Middleware()]) as queue:
        task: Any = queue.task(add)
        uncopyable = task.options(metadata={"lock": threading.Lock()})
        for enqueue, told in (
            (lambda: task.queue(1, b=object()), r"^add\(\): argument 'b' cannot be sent as JSON"),
            (task.queue, r"^add\(\): missing a required argument: 'a'"),
            (lambda: uncopyable.queue(1), "^metadata cannot be sent as JSON"),
        ):
            with pytest.raises(TypeError, match=told):
                enqueue()
    assert len(server.requests) == 1


def test_a_queue_takes_instances_and_tells_them() -> None:
    middleware = Middleware()
    for kind in (TaskQueue, AsyncTaskQueue):
        assert kind(middleware=iter([middleware])).middleware == (middleware,)
        assert kind(middleware=None).middleware == kind().middleware == ()
        for wrong, told in (
            (Middleware, r"middleware takes instances: Middleware\(\), not Middleware"),
            (5, r"middleware takes instances of lapinq\.Middleware, not 5"),
        ):
            with pytest.raises(TypeError, match=told):
                kind(middleware=[wrong])  # pyright: ignore[reportArgumentType]

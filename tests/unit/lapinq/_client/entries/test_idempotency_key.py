"""The key with which a request may be sent again: a header, checked before anything is sent."""

from collections.abc import Iterator

import pytest

from lapinq import TaskQueue
from tests.unit.lapinq.conftest import Script

tasks = TaskQueue()


@tasks.task
def add(a: int, b: int) -> int:
    return a + b


@pytest.fixture(autouse=True)
def queue(server: Script) -> Iterator[TaskQueue]:
    tasks.server_url = server.url
    with tasks:
        yield tasks


def test_an_idempotency_key_is_a_header_and_no_part_of_the_task(server: Script, queue: TaskQueue) -> None:
    keyed = add.options(idempotency_key="order 17")
    keyed.queue(1, 2)
    queue.batch_enqueue([add.entry(1, 2)], idempotency_key="order 18")
    assert [request.headers["idempotency-key"] for request in server.requests] == ["order 17", "order 18"]
    assert server.requests[0].json == server.requests[1].json[0]


def test_an_entry_has_no_idempotency_key() -> None:
    with pytest.raises(TypeError, match="give it to batch_enqueue"):
        add.options(idempotency_key="k").entry(1, 2)


@pytest.mark.parametrize("key", ["", " a", "a ", "a\n", "é", "x" * 256])
def test_a_key_that_no_header_holds_is_refused(server: Script, queue: TaskQueue, key: str) -> None:
    with pytest.raises(ValueError, match="idempotency_key must have 1 to 255 printable ASCII characters"):
        add.options(idempotency_key=key)
    with pytest.raises(ValueError, match="idempotency_key must have"):
        queue.batch_enqueue([], idempotency_key=key)
    with pytest.raises(TypeError, match="idempotency_key must be a str, not 7"):
        add.options(idempotency_key=7)  # pyright: ignore[reportArgumentType]
    assert server.requests == []

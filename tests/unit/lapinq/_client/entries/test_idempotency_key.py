"""The key with which a request may be sent again is no part of a task, and checked before anything is sent."""

import pytest

from lapinq import TaskQueue
from tests.unit.lapinq.conftest import Script


def add(a: int, b: int) -> int:
    return a + b


def test_a_key_is_a_header_that_can_hold_it(server: Script) -> None:
    with TaskQueue(server.url) as queue:
        task = queue.task(add)
        for key in ("", " a", "a ", "a\n", "é", "x" * 256):
            with pytest.raises(ValueError, match="idempotency_key must have 1 to 255 printable ASCII"):
                task.options(idempotency_key=key)
            with pytest.raises(ValueError, match="idempotency_key must have"):
                queue.batch_enqueue([], idempotency_key=key)
        with pytest.raises(TypeError, match="idempotency_key must be a str, not 7"):
            task.options(idempotency_key=7)  # pyright: ignore[reportArgumentType]
        keyed = task.options(idempotency_key="order 17")
        with pytest.raises(TypeError, match="give it to batch_enqueue"):
            keyed.entry(1, 2)
        keyed.queue(1, 2)
        queue.batch_enqueue([task.entry(1, 2)], idempotency_key="order 18")
    single, batch = server.requests
    assert [one.headers["idempotency-key"] for one in (single, batch)] == ["order 17", "order 18"]
    assert single.json == batch.json[0]

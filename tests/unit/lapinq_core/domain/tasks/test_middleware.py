"""In which order middleware runs around a task, and what passes through it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from lapinq_core.domain.tasks.context import CurrentTask
from lapinq_core.domain.tasks.middleware import Entries, Middleware, aaround, around

TASK = cast("CurrentTask", object())


class Traced(Middleware):
    """Notes when it is entered and left, and with what."""

    def __init__(self, name: str, trace: list[str]) -> None:
        self.name = name
        self.trace = trace

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        assert task is TASK
        self.trace.append(f"into {self.name}")
        try:
            return f"{self.name}({call()})"
        finally:
            self.trace.append(f"out of {self.name}")

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        assert task is TASK
        self.trace.append(f"into {self.name}")
        try:
            return f"{self.name}({await call()})"
        finally:
            self.trace.append(f"out of {self.name}")


class Twice(Middleware):
    """Calls again after a failure."""

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ValueError:
            return call()

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await call()
        except ValueError:
            return await call()


def wrapped(
    kind: str, middleware: list[Middleware], function: Callable[..., Any], tasks: list[CurrentTask]
) -> Callable[..., Any]:
    """`function` with `middleware` around it, as a plain function or as a coroutine. Each call takes one of `tasks`."""
    if kind == "plain":
        return around(middleware, tasks.pop, function)

    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args, **kwargs)

    call = aaround(middleware, tasks.pop, coroutine)
    return lambda *args, **kwargs: asyncio.run(cast("Any", call(*args, **kwargs)))


both = pytest.mark.parametrize("kind", ["plain", "coroutine"])


@both
def test_the_first_is_the_outermost_both_times_and_what_is_not_overridden_passes_through(kind: str) -> None:
    trace: list[str] = []
    layers: list[Middleware] = [Traced("a", trace), Middleware(), Traced("b", trace)]

    def add(one: int, *, other: int) -> int:
        trace.append("function")
        return one + other

    tasks = [TASK, TASK]
    call = wrapped(kind, layers, add, tasks)
    assert call(2, other=3) == "a(b(5))"
    assert trace == ["into a", "into b", "function", "out of b", "out of a"]
    assert len(tasks) == 1
    assert call(2, other=4) == "a(b(6))"
    assert tasks == []
    assert wrapped(kind, [], abs, [TASK])(-5) == 5


@both
def test_an_exception_passes_all_of_them_and_one_may_call_again_what_is_inside(kind: str) -> None:
    trace: list[str] = []
    errors = [ValueError("no"), ValueError("no")]

    def fail_twice() -> str:
        if errors:
            raise errors.pop()
        return "yes"

    layers: list[Middleware] = [Traced("a", trace), Traced("b", trace)]
    with pytest.raises(ValueError, match="no"):
        wrapped(kind, layers, fail_twice, [TASK])()
    assert trace == ["into a", "into b", "out of b", "out of a"]
    trace.clear()
    assert wrapped(kind, [Twice(), layers[0]], fail_twice, [TASK])() == "a(yes)"
    assert trace == ["into a", "out of a", "into a", "out of a"]


async def test_calls_at_once_do_not_mix() -> None:
    trace: list[str] = []

    async def slow(number: int) -> int:
        for _ in range(number):
            await asyncio.sleep(0)
        return number

    call = aaround([Traced("a", trace), Traced("b", trace)], lambda: TASK, slow)
    assert await asyncio.gather(*(call(number) for number in (3, 2, 1))) == ["a(b(3))", "a(b(2))", "a(b(1))"]


async def test_enqueueing_passes_through_too() -> None:
    sent: list[Entries] = []

    def send(entries: Entries) -> str:
        sent.append(entries)
        return "answer"

    async def asend(entries: Entries) -> str:
        return send(entries)

    entries: Entries = [{"task_name": "add"}]
    assert Middleware().enqueue(entries, send) == "answer"
    assert await Middleware().aenqueue(entries, asend) == "answer"
    assert sent == [entries, entries]

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
        except ValueError:
            self.trace.append(f"error in {self.name}")
            raise
        finally:
            self.trace.append(f"out of {self.name}")

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        assert task is TASK
        self.trace.append(f"into {self.name}")
        try:
            return f"{self.name}({await call()})"
        except ValueError:
            self.trace.append(f"error in {self.name}")
            raise
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


class Refusing(Middleware):
    """Calls nothing."""

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        return "refused"

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        return "refused"


def ran(
    kind: str, middleware: list[Middleware], function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """What `function` gives with `middleware` around it, as a plain function or as a coroutine."""
    if kind == "plain":
        return around(middleware, lambda: TASK, function)(*args, **kwargs)

    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args, **kwargs)

    return asyncio.run(cast("Any", aaround(middleware, lambda: TASK, coroutine)(*args, **kwargs)))


both = pytest.mark.parametrize("kind", ["plain", "coroutine"])


@both
def test_the_first_is_the_outermost_both_times(kind: str) -> None:
    trace: list[str] = []
    layers: list[Middleware] = [Traced(name, trace) for name in "abc"]

    def add(one: int, *, other: int) -> int:
        trace.append("function")
        return one + other

    assert ran(kind, layers, add, 2, other=3) == "a(b(c(5)))"
    assert trace == [
        "into a", "into b", "into c", "function", "out of c", "out of b", "out of a"
    ]  # fmt: skip


@both
def test_those_of_a_worker_go_around_those_of_a_queue(kind: str) -> None:
    trace: list[str] = []
    inner: list[Middleware] = [Traced("queue", trace)]
    outer: list[Middleware] = [Traced("worker", trace)]
    if kind == "plain":
        nested = around(outer, lambda: TASK, around(inner, lambda: TASK, lambda: 1))
        assert nested() == "worker(queue(1))"
    else:

        async def one() -> int:
            return 1

        nested = aaround(outer, lambda: TASK, aaround(inner, lambda: TASK, one))
        assert asyncio.run(cast("Any", nested())) == "worker(queue(1))"
    assert trace == ["into worker", "into queue", "out of queue", "out of worker"]


@both
def test_an_exception_passes_all_of_them_from_the_inside_out(kind: str) -> None:
    trace: list[str] = []
    layers: list[Middleware] = [Traced(name, trace) for name in "ab"]

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        ran(kind, layers, fail)
    assert trace == ["into a", "into b", "error in b", "out of b", "error in a", "out of a"]


@both
def test_one_may_call_again_and_what_is_inside_runs_again(kind: str) -> None:
    trace: list[str] = []
    calls: list[int] = []

    def second_time_lucky() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("no")
        return "yes"

    assert ran(kind, [Twice(), Traced("a", trace)], second_time_lucky) == "a(yes)"
    assert trace == ["into a", "error in a", "out of a", "into a", "out of a"]


@both
def test_one_may_leave_the_call_out(kind: str) -> None:
    trace: list[str] = []
    assert ran(kind, [Refusing(), Traced("a", trace)], lambda: 1 / 0) == "refused"
    assert trace == []


@both
def test_what_is_not_overridden_passes_through(kind: str) -> None:
    assert ran(kind, [Middleware(), Middleware()], abs, -5) == 5
    assert ran(kind, [], abs, -5) == 5


@both
def test_the_task_is_asked_for_at_each_call(kind: str) -> None:
    tasks = iter([TASK, TASK])
    if kind == "plain":
        wrapped = around([Middleware()], lambda: next(tasks), lambda: None)
        wrapped()
        wrapped()
    else:

        async def nothing() -> None: ...

        awrapped = aaround([Middleware()], lambda: next(tasks), nothing)
        asyncio.run(cast("Any", awrapped()))
        asyncio.run(cast("Any", awrapped()))
    assert next(tasks, None) is None


def test_calls_at_once_do_not_mix() -> None:
    trace: list[str] = []

    async def slow(number: int) -> int:
        for _ in range(number):
            await asyncio.sleep(0)
        return number

    async def run() -> list[Any]:
        wrapped = aaround([Traced("a", trace), Traced("b", trace)], lambda: TASK, slow)
        return await asyncio.gather(*(wrapped(number) for number in (3, 2, 1)))

    assert asyncio.run(run()) == ["a(b(3))", "a(b(2))", "a(b(1))"]


def test_enqueueing_passes_through_too() -> None:
    sent: list[Entries] = []

    def send(entries: Entries) -> str:
        sent.append(entries)
        return "answer"

    async def asend(entries: Entries) -> str:
        return send(entries)

    entries: Entries = [{"task_name": "add"}]
    assert Middleware().enqueue(entries, send) == "answer"
    assert asyncio.run(cast("Any", Middleware().aenqueue(entries, asend))) == "answer"
    assert sent == [entries, entries]

"""Targets: the function as it is, or with the middleware of its worker and its queue around it."""

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lapinq_core.domain.errors import NoTask
from lapinq_core.domain.tasks.context import CurrentTask, running
from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.retry import FixedDelay
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.targets import load_target, make_target
from lapinq_worker.running.time_limits import Limits
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_claim


class Named(Middleware):
    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        return [self.name, task.id, call()]

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        return [self.name, task.id, await call()]


class Closed(Middleware):
    """Answers in place of the function."""

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        return "closed"


def called(target: Target, *args: Any) -> Any:
    """What it returns as the task 7."""

    def run() -> Any:
        running.set(Job(make_claim(id="7"), target, Host(Limits())))
        value = target.function(*args)
        return asyncio.run(value) if target.is_coroutine else value

    return contextvars.copy_context().run(run)


def test_without_middleware_the_function_is_called_as_it_is() -> None:
    handling = Handling(FixedDelay(1))
    target = make_target(tasks.add, handling)
    assert target.function is tasks.add
    assert target.handling is handling
    assert load_target("tests.support.sample.tasks", "add").function is tasks.add


def test_the_workers_middleware_stands_outside_the_queues() -> None:
    handling = Handling(middleware=(Named("queue 1"), Named("queue 2")))
    worker = [Named("worker 1"), Named("worker 2")]
    for function, is_coroutine in ((tasks.add, False), (tasks.aadd, True)):
        target = make_target(function, handling, worker)
        assert target.handling is handling
        assert target.is_coroutine is is_coroutine
        assert inspect.unwrap(target.function) is function
        inside = ["queue 1", "7", ["queue 2", "7", 3]]
        assert called(target, 1, 2) == ["worker 1", "7", ["worker 2", "7", inside]]
    assert called(make_target(tasks.add, handling, [Closed(), *worker]), 1, 2) == "closed"


def test_a_coroutine_behind_a_plain_decorator_ends_inside_the_middleware() -> None:
    ended: list[str] = []

    async def inner() -> int:
        await asyncio.sleep(0)
        ended.append("function")
        return 5

    def decorated() -> Any:
        return inner()

    class Watching(Middleware):
        def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
            value = call()
            ended.append("middleware")
            return value

    assert called(make_target(decorated, None, [Watching()])) == 5
    assert ended == ["function", "middleware"]


def test_outside_of_a_task_middleware_can_not_run() -> None:
    with pytest.raises(NoTask):
        make_target(tasks.add, None, [Named("worker")]).function(1, 2)

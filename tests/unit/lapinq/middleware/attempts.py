"""Runs a function as a task, with middleware around it, in the way of a worker."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

import msgspec

from lapinq import Middleware
from lapinq_core.domain.tasks.context import running
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job
from lapinq_worker.running.targets import make_target
from lapinq_worker.running.time_limits import Limits
from tests.unit.lapinq_worker.claims import make_claim


def attempt(
    function: Callable[[], Any], *middleware: Middleware, metadata: dict[str, Any] | None = None, **claim: Any
) -> Any:
    """What `function` returns as the task `work` of the queue `video`; `claim` says what else is claimed."""
    held = make_claim(
        task_name="work",
        queue_name="video",
        metadata=msgspec.Raw(msgspec.json.encode(metadata)),
        **claim,
    )
    target = make_target(function, None, middleware)

    def run() -> Any:
        running.set(Job(held, target, Host(Limits())))
        value = target.function()
        return asyncio.run(value) if target.is_coroutine else value

    return contextvars.copy_context().run(run)


def raising(error: BaseException) -> Callable[[], None]:
    """A function that raises `error`."""

    def function() -> None:
        raise error

    return function


def araising(error: BaseException) -> Callable[[], Any]:
    """A coroutine function that raises `error`."""

    async def function() -> None:
        raise error

    return function

"""Code around enqueueing and around running tasks."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from lapinq_core.domain.tasks.context import CurrentTask

Entries = list[dict[str, Any]]
"""The fields of the tasks in one request, as the API takes them; middleware may change them in place."""


class Middleware:
    """Override the methods you need; the others pass through.

    The first middleware is the outermost: its code runs first on the way in and last on the way out. The worker's
    middleware (`--middleware`) wraps that of the task's queue.

    An exception from `run` or `arun` counts as the task's own; one from `enqueue` or `aenqueue` reaches the caller.
    """

    def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
        """Wraps one request of a client: `send` sends it and returns the server's answer."""
        return send(entries)

    async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
        """As `enqueue`, for async clients."""
        return await send(entries)

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        """Wraps a plain function: `call` calls it and returns its result."""
        return call()

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        """Wraps a coroutine function."""
        return await call()


class NamesLogger(Middleware):
    """Middleware by which tasks have a logger for their start and their end, whatever their worker has set."""

    logger: logging.Logger


def around(
    middleware: Sequence[Middleware], task: Callable[[], CurrentTask], function: Callable[..., Any]
) -> Callable[..., Any]:
    """The plain `function` wrapped in `middleware`. `task` returns the running task when it is called."""

    def run(*args: Any, **kwargs: Any) -> Any:
        current = task()

        def layer(depth: int) -> Any:
            if depth == len(middleware):
                return function(*args, **kwargs)
            return middleware[depth].run(current, lambda: layer(depth + 1))

        return layer(0)

    return run


def aaround(
    middleware: Sequence[Middleware], task: Callable[[], CurrentTask], function: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    """As `around`, for a coroutine function."""

    async def arun(*args: Any, **kwargs: Any) -> Any:
        current = task()

        async def layer(depth: int) -> Any:
            if depth == len(middleware):
                return await function(*args, **kwargs)
            return await middleware[depth].arun(current, lambda: layer(depth + 1))

        return await layer(0)

    return arun

"""Code around enqueueing and around running tasks."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from lapinq_core.domain.tasks.context import CurrentTask

Entries = list[dict[str, Any]]
"""The fields of the tasks in one request, as the API takes them; a middleware may change them in place."""


class Middleware:
    """Override what you need; what is not overridden passes through.

    Of several, the first is the outermost, both times: its code runs first on the way in and last on the way out. Those
    of the worker (`--middleware`) stand around those of the queue that the task was declared with.

    An exception raised by `run` or `arun` is taken for the task's own; one raised by `enqueue` or `aenqueue` reaches
    whoever enqueues.
    """

    def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
        """Around one request of a client: `send` sends it, and answers what the server said."""
        return send(entries)

    async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
        """As `enqueue`, for clients in coroutines."""
        return await send(entries)

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        """Around the run of a plain function: `call` calls it, and answers what it returned."""
        return call()

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        """Around the run of a coroutine."""
        return await call()


def around(
    middleware: Sequence[Middleware], task: Callable[[], CurrentTask], function: Callable[..., Any]
) -> Callable[..., Any]:
    """The plain `function` with `middleware` around it. `task` tells the task that runs, at the time of the call."""

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

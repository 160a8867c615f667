"""`@lapinq.step`: a function whose calls in a durable task are steps."""

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from lapinq_core.domain.tasks.context import running
from lapinq_core.domain.tasks.durable.calls import Calls, check_name, in_step

P = ParamSpec("P")
R = TypeVar("R")


@overload
def step(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def step(*, name: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def step(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Makes each call of the function in a task a step, as `current_task().step(name, function, ...)` does.

    `name` defaults to that of the function. Elsewhere, and in another step, it stays a plain function. In a coroutine
    the call is awaited, also that of a plain function. Raises TypeError and `InvalidValue`.
    """
    if function is None:
        if name is not None:
            check_name("name", name)
        return functools.partial(_as_step, name=name)
    return _as_step(function, name)


def _as_step(function: Callable[..., Any], name: str | None) -> Callable[..., Any]:
    if not callable(function):
        raise TypeError(f"@lapinq.step belongs above a function, not {function!r}")
    named = name if name is not None else function.__name__

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def arun(*args: Any, **kwargs: Any) -> Any:
            if (calls := _calls()) is None:
                return await function(*args, **kwargs)
            if calls.is_coroutine:
                return await calls.step(named, function, args, kwargs)
            # A plain task runs a loop of its own, in which the step can't run one.
            return await asyncio.to_thread(calls.step, named, function, args, kwargs)

        return arun

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if (calls := _calls()) is None:
            return function(*args, **kwargs)
        return calls.step(named, function, args, kwargs)

    return run


def _calls() -> Calls | None:
    """Those of the running task, unless this is in a step of it."""
    attempt = running.get(None)
    return None if attempt is None or in_step.get() else attempt.durable

"""Calls a plain function, in a thread or a child process."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, cast

from lapinq_core.domain.tasks.context import Attempt, running
from lapinq_core.domain.tasks.outcome import Outcome
from lapinq_worker.running.job import Target, Text
from lapinq_worker.running.outcomes import MAX_RESULT_BYTES, raised, returned


class Gate(Protocol):
    """`is_open` while the user's function runs, and in this module just before and after."""

    is_open: bool


class _NoGate:
    is_open = False


def call(
    target: Target,
    arguments: Callable[[], tuple[Text, Text]],
    attempt: Attempt | None = None,
    max_result_size: int = MAX_RESULT_BYTES,
    gate: Gate | None = None,
) -> Outcome:
    """Calls the function in its own context, so that context variables do not leak into the next call.

    `arguments` gives the texts of positional and keyword arguments. `current_task()` returns `attempt` there.
    """
    gate = gate or _NoGate()
    function = target.function
    try:
        positional, keywords = target.decode(*arguments())
        context = contextvars.copy_context()
        gate.is_open = True
        value = context.run(_run, attempt, function, positional, keywords)
        gate.is_open = False
    except BaseException as error:  # noqa: BLE001  # user code
        gate.is_open = False
        return raised(error, target.handling, function)
    return returned(value, max_result_size)


def _run(
    attempt: Attempt | None, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> object:
    if attempt is not None:
        running.set(attempt)
    value: object = function(*args, **kwargs)
    if value is not None and isinstance(value, Coroutine):
        # A decorator that is no coroutine function itself wraps one that is.
        return asyncio.run(cast("Coroutine[Any, Any, object]", value))
    return value


AROUND_THE_FUNCTION = frozenset({call.__code__, _run.__code__})
"""Our own code on top of the stack while the gate is open but the function has not begun or has ended."""

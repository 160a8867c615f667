"""What a coroutine that waits awaits, read from another thread than that of its event loop.

The chain may change while it is read: each step takes what it finds, and their number is limited. It leads from a
coroutine to the one it awaits, and from a task to the task it waits for; of tasks that are gathered, to the first that
has not ended. It ends where something waits for a plain future, as in `TaskGroup`.
"""

import asyncio
import gc
from asyncio.base_events import BaseEventLoop
from asyncio.events import Handle
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import Any

from lapinq_core.domain.tasks.diagnostics.profile import MAX_DEPTH


def _code(owner: object, name: str) -> CodeType | None:
    # These are asyncio's own names, which may go; then the loop's frames show.
    return getattr(getattr(owner, name, None), "__code__", None)


_TURN = _code(BaseEventLoop, "_run_once")
_UNTIL_COMPLETE = _code(BaseEventLoop, "run_until_complete")
LOOP = frozenset(
    {
        _code(asyncio, "run"),
        _code(asyncio.Runner, "run"),
        _UNTIL_COMPLETE,
        _code(BaseEventLoop, "run_forever"),
        _TURN,
        _code(Handle, "_run"),
    }
)
"""The event loop's code around coroutines."""
_STEPS: dict[type, tuple[str, str]] = {
    CoroutineType: ("cr_code", "cr_await"),
    GeneratorType: ("gi_code", "gi_yieldfrom"),
    AsyncGeneratorType: ("ag_code", "ag_await"),
}
"""Where each says its code, and what it awaits."""


def idle_task(frame: FrameType) -> asyncio.Task[Any] | None:
    """The task that the loop runs until it is complete, if the loop waits; `frame` is its thread's innermost one."""
    turn = frame.f_back
    if turn is None or turn.f_code is not _TURN or "select" not in frame.f_code.co_name:
        return None
    if turn.f_locals.get("timeout") == 0:
        return None  # it only looks what is ready
    caller = turn.f_back
    while caller is not None and caller.f_code is not _UNTIL_COMPLETE:
        caller = caller.f_back
    task: Any = None if caller is None else caller.f_locals.get("future")
    return task if isinstance(task, asyncio.Task) else None  # pyright: ignore[reportUnknownVariableType]


def awaited(task: asyncio.Task[Any]) -> list[CodeType]:
    """The code of the coroutines that wait for each other, from that of `task` on."""
    found: list[CodeType] = []
    waits: asyncio.Future[Any] | None = task
    while isinstance(waits, asyncio.Task) and len(found) < MAX_DEPTH:
        step: object = waits.get_coro()
        while step is not None and len(found) < MAX_DEPTH:
            names = _STEPS.get(type(step))
            if names is None:
                step = _wrapped(step)
                continue
            code, inner = names
            found.append(getattr(step, code))
            step = getattr(step, inner)
        waits = _waited_for(waits)
    return found


def _wrapped(awaitable: object) -> Any:
    """The generator or coroutine behind an awaitable that does not tell, such as the next item of a generator."""
    return next((one for one in gc.get_referents(awaitable) if type(one) in _STEPS), None)


def _waited_for(task: asyncio.Task[Any]) -> asyncio.Future[Any] | None:
    future: asyncio.Future[Any] | None = getattr(task, "_fut_waiter", None)
    children: list[asyncio.Future[Any]] = getattr(future, "_children", [])
    return next((child for child in children if not child.done()), future)

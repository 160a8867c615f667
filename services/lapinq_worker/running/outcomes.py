"""Turns what a function returned or raised into an `Outcome`, in the worker and in its child processes.

Nothing here raises, whatever the user's objects do: that outcome would be lost.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

import lapinq_core
from lapinq_core.domain.annotations.json_values import as_json_value
from lapinq_core.domain.errors import (
    Cancel,
    OtherVersion,
    RateLimited,
    RetryError,
    Snooze,
    StepRefused,
    Suspend,
    TimeLimit,
)
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_core.domain.tasks.limit_rules import MAX_LIMIT_NAME
from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Completed,
    OfOtherVersion,
    Outcome,
    Raised,
    RetryAsked,
    Snoozed,
    Suspended,
    Throttled,
    TimedOut,
    Unretryable,
    Unstorable,
)
from lapinq_core.importing import TaskNotAllowed, TaskNotFound
from lapinq_core.runtime.users_traceback import MACHINERY, files_in, users_traceback
from lapinq_worker.running.annotated import ArgumentsMismatch

MAX_ERROR_CHARACTERS = 2_000
MAX_TRACEBACK_CHARACTERS = 20_000
MAX_SIGNATURE_CHARACTERS = 500
MAX_CLOSED_SECONDS = 86_400.0
"""Maximum time for which a task may close a limit."""
MAX_RESULT_BYTES = 16 * 1024 * 1024

_encoder = msgspec.json.Encoder(enc_hook=as_json_value)


_RUNNING, _CORE = Path(__file__).parent, Path(lapinq_core.__file__).parent
_SHIPPED_MIDDLEWARE = files_in(_CORE.parent, "lapinq", "middleware")
_ABOVE_THE_USER = (*MACHINERY, files_in(_RUNNING.parent), _SHIPPED_MIDDLEWARE)
# Frames of ours between a middleware of the user and the function.
_BETWEEN = (
    str(_CORE / "domain" / "tasks" / "middleware.py"),
    str(_RUNNING / "targets.py"),
    str(_RUNNING / "annotated.py"),
    files_in(_CORE, "domain", "annotations"),
    _SHIPPED_MIDDLEWARE,
)
# Where a function is called: an error that comes from there was raised by the call itself.
_CALLERS = (*_BETWEEN, files_in(_RUNNING, "pools"))
_NOTHING = Completed("null")


def returned(value: object, max_bytes: int = MAX_RESULT_BYTES) -> Outcome:
    """The outcome of a function that returned `value`, whose JSON text may have `max_bytes`."""
    if value is None:
        return _NOTHING
    try:
        result = _encoder.encode(value)
        # The encoder writes null for what JSON has no number for.
        if b"null" in result and _holds_no_number(value):
            return _unstorable("it holds NaN or an infinity, for which JSON has no number")
        if len(result) > max_bytes:
            return _unstorable(
                f"it has {len(result):,} bytes, more than {max_bytes:,} (LAPINQ_MAX_RESULT_SIZE)"
            )
        return Completed(result.decode())
    except Exception as error:  # noqa: BLE001  # whatever the encoder finds in a value of the user's
        return _unstorable(_text(error) or type(error).__name__)


def raised(
    error: BaseException, handling: Handling | None = None, function: Callable[..., Any] | None = None
) -> Outcome:
    """The outcome of a function that raised `error`. `handling` is what its decorator says.

    If the arguments did not fit `function`, the reason shows its signature.
    """
    error = _suspension(error) or error
    text, name = _text(error), type(error).__name__
    match error:
        case TimeLimit():
            return TimedOut(_seconds(error, "limit") or 0.0)
        case Suspend():
            return Suspended(_storable(text, MAX_ERROR_CHARACTERS))
        case OtherVersion():
            return OfOtherVersion(_storable(text, MAX_ERROR_CHARACTERS))
        case Cancel():
            return Cancelled(_storable(text, MAX_ERROR_CHARACTERS))
        case Snooze() if (seconds := _seconds(error, "seconds")) is not None:
            return Snoozed(seconds)
        case RateLimited() if (seconds := _seconds(error, "after")) is not None:
            return Throttled(_storable(_limit(error), MAX_LIMIT_NAME), min(seconds, MAX_CLOSED_SECONDS))
        case _:
            pass
    described = f"{name}: {text}" if text else name
    if isinstance(error, ArgumentsMismatch):
        return Unretryable(_storable(text, MAX_ERROR_CHARACTERS))  # they don't fit at a retry either
    if function is not None and isinstance(error, TypeError) and _is_from_the_call(error):
        described = f"{described[:MAX_ERROR_CHARACTERS]}; {_signature(function)}"
    described = _storable(described, MAX_ERROR_CHARACTERS)
    if isinstance(error, TaskNotAllowed):
        return Unretryable(described)  # a retry would be refused too
    if isinstance(error, StepRefused):
        return Unretryable(described, _format(error))
    if isinstance(error, TaskNotFound):
        return Raised(described)  # the traceback would only show our search
    # A requested retry is wanted, even if the decorator excludes its exception.
    if isinstance(error, RetryError) and (countdown := _seconds(error, "countdown")) is not None:
        return RetryAsked(countdown, described, _format(error))
    if handling is not None and not _is_retried(error, handling):
        return Unretryable(described, _format(error))
    return Raised(described, _format(error))


def _suspension(error: BaseException) -> Suspend | None:
    """That of waits which were gathered in a TaskGroup, unless something else was raised there, too."""
    raised = list(_leaves(error))
    if raised == [error] or not all(isinstance(each, Suspend) for each in raised):
        return None
    return Suspend("; ".join(dict.fromkeys(map(_text, raised))))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(each)
    else:
        yield error


def _unstorable(reason: str) -> Unstorable:
    text = f"the function ran to its end, but its result can't be stored as JSON: {reason}"
    return Unstorable(_storable(text, MAX_ERROR_CHARACTERS))


def _holds_no_number(value: object) -> bool:
    todo = [msgspec.to_builtins(value, enc_hook=as_json_value)]
    while todo:
        item = todo.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                return True
        elif isinstance(item, dict):
            todo.extend(cast("dict[Any, Any]", item).values())
        elif isinstance(item, (list, tuple)):
            todo.extend(cast("list[Any]", item))
    return False


def _seconds(error: BaseException, attribute: str) -> float | None:
    try:
        # NaN becomes 0. The database has no timestamp beyond the maximum.
        return min(max(0.0, float(getattr(error, attribute))), float(MAX_SECONDS))
    except BaseException:  # noqa: BLE001  # user code: it may be anything
        return None


def _limit(error: BaseException) -> str:
    try:
        return str(getattr(error, "limit", ""))
    except BaseException:  # noqa: BLE001  # user code: it may be anything
        return ""


def _is_retried(error: BaseException, handling: Handling) -> bool:
    if handling.retry_for is not None and not _is_one_of(error, handling.retry_for):
        return False
    return not _is_one_of(error, handling.no_retry_for)


def _is_one_of(error: BaseException, types: tuple[type[BaseException], ...]) -> bool:
    try:
        return isinstance(error, types)
    except BaseException:  # noqa: BLE001  # user code: a class can decide what is an instance of it
        return False


def _is_from_the_call(error: BaseException) -> bool:
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    return frames is not None and frames.tb_frame.f_code.co_filename.startswith(_CALLERS)


def _signature(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "it")
    try:
        # One step, from our own wrapper to the function: a decorator of the user may supply arguments.
        bare = getattr(function, "__wrapped__", function) if _is_between(function) else function
        name = getattr(bare, "__name__", name)
        signature = str(inspect.signature(bare, follow_wrapped=False))
    except BaseException:  # noqa: BLE001  # user code, and functions written in C have none
        return f"{name} has no signature to show"
    return f"the signature is {name}{signature}"[:MAX_SIGNATURE_CHARACTERS]


def _is_between(function: Callable[..., Any]) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename.startswith(_BETWEEN)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as inner:  # noqa: BLE001  # user code: a __str__ that raises must not hide the failure
        return f"(its message can't be read: {type(inner).__name__})"


def _format(error: BaseException) -> str:
    try:
        return _storable(users_traceback(error, _ABOVE_THE_USER, _BETWEEN), MAX_TRACEBACK_CHARACTERS)
    except BaseException:  # noqa: BLE001  # user code: the exception's own methods are called
        return ""


def _storable(text: str, most: int) -> str:
    # PostgreSQL stores neither NUL nor halves of surrogate pairs.
    if text.isascii() and len(text) <= most and "\x00" not in text:
        return text
    text = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
    return (
        text
        if len(text) <= most
        else f"{text[: most // 2]}\n… {len(text) - most} characters left out …\n{text[-most // 2 :]}"
    )

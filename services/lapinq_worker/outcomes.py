"""From what a function returned or raised to an `Outcome`. Runs in the worker and in its child processes.

Nothing here raises, whatever the user's objects do when looked at: an outcome that can't be told would be lost.
"""

import importlib
import math
import os
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import msgspec

import lapinq_core
from lapinq_core.domain.errors import RetryError
from lapinq_core.domain.outcome import Completed, Outcome, Raised, RetryAsked, Unstorable
from lapinq_core.domain.task import MAX_SECONDS
from lapinq_core.importing import TaskNotFound

MAX_ERROR_CHARACTERS = 2_000
MAX_TRACEBACK_CHARACTERS = 20_000
MAX_RESULT_BYTES = 16 * 1024 * 1024

_encoder = msgspec.json.Encoder()
_OURS = tuple(
    os.path.join(Path(file).parent, "")  # noqa: PTH118  # a path object drops the separator at the end
    for file in (__file__, lapinq_core.__file__)
)
_ABOVE_THE_USER = (*_OURS, "<frozen importlib.", importlib.__file__)
_NOTHING = Completed("null")


def returned(value: object) -> Outcome:
    """The outcome of a function that returned `value`."""
    if value is None:
        return _NOTHING
    try:
        result = _encoder.encode(value)
        # The encoder writes null for what JSON has no number for.
        if b"null" in result and _holds_no_number(value):
            return _unstorable("it holds NaN or an infinity, for which JSON has no number")
        if len(result) > MAX_RESULT_BYTES:
            return _unstorable(f"it has {len(result):,} bytes, more than {MAX_RESULT_BYTES:,}")
        return Completed(result.decode())
    except Exception as error:  # noqa: BLE001  # whatever the encoder finds in a value of the user's
        return _unstorable(_text(error) or type(error).__name__)


def raised(error: BaseException) -> Outcome:
    """The outcome of a function that raised `error`."""
    text, name = _text(error), type(error).__name__
    described = _storable(f"{name}: {text}" if text else name, MAX_ERROR_CHARACTERS)
    if isinstance(error, TaskNotFound):
        return Raised(described)  # a traceback would only show how it was searched
    if isinstance(error, RetryError) and (countdown := _countdown(error)) is not None:
        return RetryAsked(countdown, described, _format(error))
    return Raised(described, _format(error))


def _unstorable(reason: str) -> Unstorable:
    text = f"the function ran to its end, but its result can't be stored as JSON: {reason}"
    return Unstorable(_storable(text, MAX_ERROR_CHARACTERS))


def _holds_no_number(value: object) -> bool:
    todo = [msgspec.to_builtins(value)]
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


def _countdown(error: RetryError) -> float | None:
    try:
        # NaN becomes 0; the database has no timestamp for what is further off.
        return min(max(0.0, float(error.countdown)), float(MAX_SECONDS))
    except BaseException:  # noqa: BLE001  # user code: anything may stand there
        return None


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as inner:  # noqa: BLE001  # user code: a __str__ that raises must not hide the failure
        return f"(its message can't be read: {type(inner).__name__})"


def _format(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, _users_frames(error.__traceback__))
    except BaseException:  # noqa: BLE001  # user code: the exception's own methods are called
        return ""
    return _storable("".join(lines), MAX_TRACEBACK_CHARACTERS)


def _users_frames(frames: TracebackType | None) -> TracebackType | None:
    # The frames above the user's function are ours, or of the import system, and tell nobody anything.
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_ABOVE_THE_USER):
        frames = frames.tb_next
    return frames


def _storable(text: str, most: int) -> str:
    # PostgreSQL stores neither NUL nor halves of surrogate pairs.
    text = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
    return (
        text
        if len(text) <= most
        else f"{text[: most // 2]}\n… {len(text) - most} characters left out …\n{text[-most // 2 :]}"
    )

"""From what a function returned or raised to an `Outcome`. Runs in the worker and in its child processes."""

import traceback
from pathlib import Path
from types import TracebackType

import msgspec

import lapinq_core
from lapinq_core.domain.errors import RetryError
from lapinq_core.domain.outcome import Completed, Outcome, Raised, RetryAsked, Unstorable

MAX_ERROR_CHARACTERS = 2_000
MAX_TRACEBACK_CHARACTERS = 20_000
MAX_RESULT_BYTES = 16 * 1024 * 1024

_encoder = msgspec.json.Encoder()
_OURS = (str(Path(__file__).parent), str(Path(lapinq_core.__file__).parent))
_NOTHING = Completed("null")


def returned(value: object) -> Outcome:
    """The outcome of a function that returned `value`."""
    if value is None:
        return _NOTHING
    try:
        result = _encoder.encode(value)
        if len(result) > MAX_RESULT_BYTES:
            raise ValueError(f"it has {len(result):,} bytes, more than {MAX_RESULT_BYTES:,}")
        return Completed(result.decode())
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        return Unstorable(
            _storable(
                f"the function ran to its end, but its result can't be stored as JSON: {error}",
                MAX_ERROR_CHARACTERS,
            )
        )


def raised(error: BaseException) -> Outcome:
    """The outcome of a function that raised `error`."""
    if isinstance(error, RetryError):
        return RetryAsked(max(0.0, float(error.countdown)), _describe(error), _format(error))
    return Raised(_describe(error), _format(error))


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as inner:  # noqa: BLE001  # user code: a __str__ that raises must not hide the failure
        text = f"(its message can't be read: {type(inner).__name__})"
    name = type(error).__name__
    return _storable(f"{name}: {text}" if text else name, MAX_ERROR_CHARACTERS)


def _format(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, _users_frames(error.__traceback__))
    except Exception:  # noqa: BLE001  # user code: the exception's own methods are called
        return ""
    return _storable("".join(lines), MAX_TRACEBACK_CHARACTERS)


def _users_frames(frames: TracebackType | None) -> TracebackType | None:
    # The frames above the user's function are ours and tell nobody anything.
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OURS):
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

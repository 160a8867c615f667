"""In a word, how the run of a task ended, as far as what it raised tells."""

from __future__ import annotations

from lapinq_core.domain.errors import Cancel, RetryError, Snooze, TimeLimit


def ending(error: BaseException) -> str:
    """Whether it failed or asked for something: `failed`, `retry`, `snoozed`, `cancelled`, `timed out`, `stopped`."""
    from asyncio import CancelledError

    match error:
        case TimeLimit():
            return "timed out"
        case Cancel():
            return "cancelled"
        case Snooze():
            return "snoozed"
        case RetryError():
            return "retry"
        case CancelledError() | GeneratorExit():
            return "stopped"
        case _:
            return "failed"


def is_failure(error: BaseException) -> bool:
    """Whether something went wrong, rather than as the task or somebody else wanted it."""
    return ending(error) in {"failed", "timed out"}


def full_name(error: BaseException) -> str:
    """Of its type, with the module unless that is `builtins`."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

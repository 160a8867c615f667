"""How an attempt ended, as far as the exception tells. For middleware around running tasks."""

from __future__ import annotations

from lapinq_core.domain.errors import (
    Cancel,
    OtherVersion,
    RateLimited,
    RetryError,
    Snooze,
    Suspend,
    TimeLimit,
)


def outcome_of(error: BaseException) -> str:
    """`failed`, `timed out`, or what was asked for: `retry`, `snoozed`, `suspended`, `cancelled`, `stopped`."""
    from asyncio import CancelledError

    match error:
        case TimeLimit():
            return "timed out"
        case Cancel():
            return "cancelled"
        case Snooze() | RateLimited():
            return "snoozed"
        case Suspend():
            return "suspended"
        case OtherVersion():
            return "released"
        case RetryError():
            return "retry"
        case CancelledError() | GeneratorExit():
            return "stopped"
        case _:
            return "failed"


def is_failure(error: BaseException) -> bool:
    """False for an exception by which the task, a user or the worker asked for another end."""
    return outcome_of(error) in {"failed", "timed out"}


def type_name(error: BaseException) -> str:
    """The type's full name, without the module for a built-in exception."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

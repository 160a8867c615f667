"""The Python client of lapinq, a task queue on PostgreSQL."""

from typing import TYPE_CHECKING, Any

from lapinq.aio import AsyncTaskQueue
from lapinq.client import TaskQueue
from lapinq.errors import Cancel, LapinqError, LeaseLost, RetryError, Snooze, TimeLimit
from lapinq.handle import TaskRef
from lapinq.task import Task
from lapinq.version import __version__
from lapinq_core.domain.tasks.retry import Backoff, Delays, FixedDelay

if TYPE_CHECKING:
    from lapinq_core.domain.tasks.context import CurrentTask, current_task
    from lapinq_core.domain.tasks.middleware import Middleware

__all__ = [
    "AsyncTaskQueue",
    "Backoff",
    "Cancel",
    "CurrentTask",
    "Delays",
    "FixedDelay",
    "LapinqError",
    "LeaseLost",
    "Middleware",
    "RetryError",
    "Snooze",
    "Task",
    "TaskQueue",
    "TaskRef",
    "TimeLimit",
    "__version__",
    "current_task",
]

# These import logging. Programs that only enqueue don't need them.
_LAZY = {
    "CurrentTask": "lapinq_core.domain.tasks.context",
    "Middleware": "lapinq_core.domain.tasks.middleware",
    "current_task": "lapinq_core.domain.tasks.context",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

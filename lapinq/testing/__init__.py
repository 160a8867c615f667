"""For tests of code that uses lapinq: context managers, and the pytest fixtures made of them (`plugin`).

Names are imported when they are first used, so that pytest starts without them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapinq.testing.capturing import captured
    from lapinq.testing.clock import travel
    from lapinq.testing.crashes import crash_everywhere
    from lapinq.testing.databases import Database, database
    from lapinq.testing.direct_calls import RunningTask, running_as
    from lapinq.testing.enqueued import Attempt, EnqueuedTask, EnqueuedTasks
    from lapinq.testing.runner import InlineTasks, inline
    from lapinq.testing.webhooks import sign_webhook
    from lapinq.testing.workers import DatabaseWorker

__all__ = [
    "Attempt",
    "Database",
    "DatabaseWorker",
    "EnqueuedTask",
    "EnqueuedTasks",
    "InlineTasks",
    "RunningTask",
    "captured",
    "crash_everywhere",
    "database",
    "inline",
    "running_as",
    "sign_webhook",
    "travel",
]

_MODULE_OF = {
    "Attempt": "enqueued",
    "Database": "databases",
    "DatabaseWorker": "workers",
    "EnqueuedTask": "enqueued",
    "EnqueuedTasks": "enqueued",
    "InlineTasks": "runner",
    "RunningTask": "direct_calls",
    "captured": "capturing",
    "crash_everywhere": "crashes",
    "database": "databases",
    "inline": "runner",
    "running_as": "direct_calls",
    "sign_webhook": "webhooks",
    "travel": "clock",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The Python client of lapinq, a task queue on PostgreSQL.

Names are imported when they are first used: the command line starts without the client, and programs that only enqueue
start without logging.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapinq.aio import AsyncTaskQueue
    from lapinq.batch_ref import BatchRef
    from lapinq.client import TaskQueue
    from lapinq.errors import (
        Cancel,
        LapinqError,
        LeaseLost,
        RateLimited,
        RetryError,
        Snooze,
        TaskFailed,
        TimeLimit,
        WaitTimeout,
    )
    from lapinq.handle import Progress, TaskRef
    from lapinq.task import Task
    from lapinq.version import __version__
    from lapinq.webhooks import Webhook, verify_webhook
    from lapinq.workflow import AsyncWorkflow, Node, Workflow
    from lapinq.workflow_ref import WorkflowRef
    from lapinq_core.domain.tasks.awaited import AsyncCurrentTask
    from lapinq_core.domain.tasks.context import CurrentTask, current_task
    from lapinq_core.domain.tasks.diagnostics.task_filter import TaskFilter
    from lapinq_core.domain.tasks.durable.step import step
    from lapinq_core.domain.tasks.middleware import Middleware
    from lapinq_core.domain.tasks.retry import Backoff, Delays, FixedDelay

__all__ = [
    "AsyncCurrentTask",
    "AsyncTaskQueue",
    "AsyncWorkflow",
    "Backoff",
    "BatchRef",
    "Cancel",
    "CurrentTask",
    "Delays",
    "FixedDelay",
    "LapinqError",
    "LeaseLost",
    "Middleware",
    "Node",
    "Progress",
    "RateLimited",
    "RetryError",
    "Snooze",
    "Task",
    "TaskFailed",
    "TaskFilter",
    "TaskQueue",
    "TaskRef",
    "TimeLimit",
    "WaitTimeout",
    "Webhook",
    "Workflow",
    "WorkflowRef",
    "__version__",
    "current_task",
    "step",
    "verify_webhook",
]

_NAMES = {
    "lapinq.aio": ("AsyncTaskQueue",),
    "lapinq.batch_ref": ("BatchRef",),
    "lapinq.client": ("TaskQueue",),
    "lapinq.errors": (
        "Cancel",
        "LapinqError",
        "LeaseLost",
        "RateLimited",
        "RetryError",
        "Snooze",
        "TaskFailed",
        "TimeLimit",
        "WaitTimeout",
    ),
    "lapinq.handle": ("Progress", "TaskRef"),
    "lapinq.task": ("Task",),
    "lapinq.version": ("__version__",),
    "lapinq.webhooks": ("Webhook", "verify_webhook"),
    "lapinq.workflow": ("AsyncWorkflow", "Node", "Workflow"),
    "lapinq.workflow_ref": ("WorkflowRef",),
    "lapinq_core.domain.tasks.awaited": ("AsyncCurrentTask",),
    "lapinq_core.domain.tasks.context": ("CurrentTask", "current_task"),
    "lapinq_core.domain.tasks.durable.step": ("step",),
    "lapinq_core.domain.tasks.middleware": ("Middleware",),
    "lapinq_core.domain.tasks.retry": ("Backoff", "Delays", "FixedDelay"),
    "lapinq_core.domain.tasks.diagnostics.task_filter": ("TaskFilter",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _MODULE_OF:
        value = globals()[name] = getattr(importlib.import_module(_MODULE_OF[name]), name)
        return value
    if f"{__name__}.{name}" in _NAMES:  # `lapinq.errors` after `import lapinq`
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

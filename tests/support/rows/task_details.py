"""Tasks as a page looks at them, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.task_detail import AttemptDetail, TaskDetail, Value

BEGIN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """That long after the task was enqueued."""
    return BEGIN + timedelta(seconds=seconds)


def json_value(text: str) -> Value:
    """A value that is whole."""
    return Value(text, len(text.encode()))


def task(**values: Any) -> TaskDetail:
    """A task that waits."""
    defaults: dict[str, Any] = {
        "id": "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11",
        "task_name": "send",
        "queue_name": "mail",
        "module_path": "app.mail",
        "status": Status.PENDING,
        "error": None,
        "attempts": 0,
        "max_retries": 3,
        "priority": 0,
        "progress": None,
        "progress_message": None,
        "retry_delay": 10.0,
        "retry_backoff": True,
        "webhook_url": None,
        "ttl_seconds": None,
        "expires_at": None,
        "worker_id": None,
        "worker_name": None,
        "created_at": BEGIN,
        "scheduled_at": None,
        "due_at": None,
        "is_parked": False,
        "started_at": None,
        "completed_at": None,
        "timeout_seconds": None,
        "cancel_requested_at": None,
        "request_id": None,
        "key": None,
        "limits": None,
        "unique_key": None,
        "is_queue_paused": False,
        "args": json_value("[]"),
        "kwargs": json_value("{}"),
        "metadata": None,
        "result": None,
    }
    return TaskDetail(**{**defaults, **values})


def attempt(
    number: int, started: float | None, finished: float | None, outcome: str, **values: Any
) -> AttemptDetail:
    """An attempt, by seconds since the task was enqueued."""
    defaults: dict[str, Any] = {
        "attempt": number,
        "outcome": outcome,
        "error": None,
        "traceback": None,
        "logs": None,
        "run_seconds": None,
        "started_at": None if started is None else after(started),
        "finished_at": None if finished is None else after(finished),
        "worker_id": None,
        "worker_name": None,
    }
    return AttemptDetail(**{**defaults, **values})

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


_EMPTY_IN_A_TASK = (
    *("error", "progress", "progress_message", "webhook_url", "ttl_seconds", "expires_at", "worker_id"),
    *("worker_name", "scheduled_at", "due_at", "started_at", "completed_at", "timeout_seconds"),
    *("cancel_requested_at", "request_id", "key", "limits", "unique_key", "metadata", "result"),
)
_EMPTY_IN_AN_ATTEMPT = ("error", "traceback", "logs", "run_seconds", "worker_id", "worker_name")


def task(**values: Any) -> TaskDetail:
    """A task that waits."""
    defaults: dict[str, Any] = {
        **dict.fromkeys(_EMPTY_IN_A_TASK),
        "id": "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11",
        "task_name": "send",
        "queue_name": "mail",
        "module_path": "app.mail",
        "status": Status.PENDING,
        "attempts": 0,
        "max_retries": 3,
        "priority": 0,
        "retry_delay": 10.0,
        "retry_backoff": True,
        "created_at": BEGIN,
        "is_parked": False,
        "is_blocked": False,
        "is_suspended": False,
        "is_queue_paused": False,
        "args": json_value("[]"),
        "kwargs": json_value("{}"),
    }
    return TaskDetail(**{**defaults, **values})


def attempt(
    number: int, started: float | None, finished: float | None, outcome: str, **values: Any
) -> AttemptDetail:
    """An attempt, by seconds since the task was enqueued."""
    defaults: dict[str, Any] = {
        **dict.fromkeys(_EMPTY_IN_AN_ATTEMPT),
        "attempt": number,
        "outcome": outcome,
        "started_at": None if started is None else after(started),
        "finished_at": None if finished is None else after(finished),
    }
    return AttemptDetail(**{**defaults, **values})

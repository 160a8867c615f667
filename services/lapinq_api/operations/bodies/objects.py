"""The objects that the database returns as JSON text. They describe the API, and pages decode with them.

Tests compare the real answers with these structs, field by field.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from lapinq_core.domain.requests.values import Id, doc
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.webhooks.webhook import WebhookState


class Blocker(StrEnum):
    """What blocks a task."""

    SCHEDULE = "schedule"
    RETRY = "retry"
    PARENTS = "parents"
    PAUSED = "paused"
    BREAKER = "breaker"
    KEY = "key"
    LIMIT = "limit"
    QUEUE = "queue"
    SIGNAL = "signal"
    TASK = "task"
    SLEEP = "sleep"


class WaitingFor(msgspec.Struct, kw_only=True):
    """What blocks a pending task, as of its own rows: `/why` says more.

    It waits for tasks of its workflow (`parents`) or is due later (`schedule`, or `retry` after an attempt), or its
    queue is paused; or a circuit `breaker` is open, that of the task name or, without a name, of its queue; or too many
    tasks run, or started lately, of its `key`, of the named `limit`, or of its `queue`. A durable task that is
    suspended waits for a `signal`, for the end of another `task`, or it sleeps (`sleep`).
    """

    kind: Blocker
    name: Annotated[
        str | None,
        doc(
            "Name of the limit, or of the breaker's task; the name of the signal, several with | between them; the id"
            " of the task that it waits for. Null for other kinds.",
            example="openai",
        ),
    ]


class TaskObject(msgspec.Struct, kw_only=True):
    """A task in full. Times are in UTC."""

    id: Id
    task_name: str
    queue_name: str
    module_path: str
    args: list[Any]
    kwargs: dict[str, Any]
    status: Status
    result: Annotated[str | None, doc("The return value as JSON text, once completed.", example='"done"')]
    error: Annotated[str | None, doc("The last error.")]
    attempts: Annotated[int, doc("Executions started.")]
    max_retries: int
    priority: int
    metadata: dict[str, Any] | None
    progress: Annotated[int | None, doc("In percent.")]
    progress_message: str | None
    retry_delay: Annotated[float, doc("In seconds.")]
    retry_backoff: bool
    webhook_url: str | None
    ttl_seconds: float | None
    ttl_remaining: Annotated[float | None, doc("Seconds left of the time to live.")]
    worker_id: Annotated[str | None, doc("The worker that claimed it last.")]
    created_at: datetime
    scheduled_at: Annotated[datetime | None, doc("When it is due, also while it waits for a retry.")]
    started_at: datetime | None
    completed_at: Annotated[datetime | None, doc("When it ended, for any reason.")]
    timeout_seconds: Annotated[float | None, doc("The time limit for one attempt, as enqueued.")]
    request_id: Annotated[
        str | None, doc("The `X-Request-ID` of the request that enqueued it; null for a schedule's task.")
    ]
    rerun_of: Annotated[Id | None, doc("The earlier task that it repeats, which may have been deleted.")]
    key: Annotated[str | None, doc("The customer, account or device that the task is about.")]
    limits: Annotated[dict[str, int] | None, doc("Units that the task takes from named limits.")]
    workflow_id: Annotated[Id | None, doc("The workflow that it belongs to.")]
    waiting_for: Annotated[
        WaitingFor | None, doc("What blocks a pending task; null if it only waits for its turn.")
    ]
    unique_key: Annotated[
        str | None, doc("The unique key that it holds, or held, in its queue.", example="invoice:42")
    ]


class ResultObject(msgspec.Struct, kw_only=True):
    """How a task ended."""

    id: Id
    status: Annotated[Status, doc("A final status: completed, failed, cancelled or expired.")]
    result: Annotated[str | None, doc("The return value as JSON text.", example='"done"')]
    error: str | None
    completed_at: datetime


class AttemptOutcome(StrEnum):
    """The outcome of an attempt, or that it is running. Released: given back or snoozed. Suspended: a durable task
    waits. After both its number is used again."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RELEASED = "released"
    SUSPENDED = "suspended"


class AttemptObject(msgspec.Struct, kw_only=True):
    """One attempt of a task, or the end of a task that never started. Times are in UTC."""

    attempt: Annotated[int, doc("The attempt's number, from 1; 0 for the end of a task that never started.")]
    outcome: AttemptOutcome
    result: Annotated[str | None, doc("The return value as JSON text.")]
    error: str | None
    traceback: str | None
    logs: Annotated[str | None, doc("The attempt's log lines; only the latest if there are many.")]
    progress: Annotated[int | None, doc("In percent.")]
    progress_message: str | None
    run_seconds: Annotated[float | None, doc("How long the function ran, if its worker could tell.")]
    started_at: datetime | None
    finished_at: Annotated[datetime | None, doc("When the outcome was stored.")]
    worker_id: str | None
    final: Annotated[bool, doc("Whether this attempt set the task's final status.")]
    requeued_at: Annotated[datetime | None, doc("When the task was requeued after this attempt failed.")]
    requeued_by: Annotated[str | None, doc("The user or key that requeued it.")]
    has_profile: Annotated[bool, doc("Whether a profile of it is kept.")]
    left_out: Annotated[
        int | None,
        doc("How many released or suspended attempts before it are no longer kept, if there are any."),
    ]


class WebhookObject(msgspec.Struct, kw_only=True):
    """A webhook for an ended task, and its deliveries. The database returns it as text in this form."""

    id: Annotated[Id, doc("The event's id, sent as `webhook-id` with every delivery.")]
    task_id: Id
    queue_name: str
    task_name: str
    url: str
    status: Annotated[Literal["completed", "failed"], doc("How the task ended.")]
    state: WebhookState
    tries: Annotated[int, doc("Deliveries tried since the task ended, or since the webhook was resent.")]
    created_at: Annotated[datetime, doc("When the task ended.")]
    due_at: Annotated[
        datetime | None,
        doc("When the next delivery is due, while pending."),
    ]
    tried_at: Annotated[datetime | None, doc("When the latest delivery began.")]
    answer: Annotated[int | None, doc("The HTTP status of the latest answer.", example=200)]
    failure: Annotated[str | None, doc("Why the latest delivery failed.", example="it answered 500")]

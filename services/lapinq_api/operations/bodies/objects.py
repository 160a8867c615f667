"""What the database answers as JSON text, described: the API makes nothing from these structs, pages read it with them.

The tests hold the real answers against them, field by field.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from lapinq_api.wire.values import Id, says
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.webhooks.webhook import WebhookState


class TaskObject(msgspec.Struct, kw_only=True):
    """A task with all that is known of it. Times are in UTC."""

    id: Id
    task_name: str
    queue_name: str
    module_path: str
    args: list[Any]
    kwargs: dict[str, Any]
    status: Status
    result: Annotated[
        str | None, says("The return value as JSON text, once it is completed.", example='"done"')
    ]
    error: Annotated[str | None, says("What went wrong at last.")]
    attempts: Annotated[int, says("Executions started.")]
    max_retries: int
    priority: int
    metadata: dict[str, Any] | None
    progress: Annotated[int | None, says("In percent.")]
    progress_message: str | None
    retry_delay: Annotated[float, says("In seconds.")]
    retry_backoff: bool
    webhook_url: str | None
    ttl_seconds: float | None
    ttl_remaining: Annotated[float | None, says("Seconds left of its time to live.")]
    worker_id: Annotated[str | None, says("The worker that took it last.")]
    created_at: datetime
    scheduled_at: Annotated[datetime | None, says("When it is due, also of one that waits for a retry.")]
    started_at: datetime | None
    completed_at: Annotated[datetime | None, says("When it ended, in whichever way.")]
    timeout_seconds: Annotated[float | None, says("The time limit of an attempt that it was enqueued with.")]
    request_id: Annotated[
        str | None, says("The `X-Request-ID` of the call that enqueued it; null for a task of a schedule.")
    ]


class ResultObject(msgspec.Struct, kw_only=True):
    """How a task ended."""

    id: Id
    status: Annotated[Status, says("One that is final: completed, failed, cancelled or expired.")]
    result: Annotated[str | None, says("The return value as JSON text.", example='"done"')]
    error: str | None
    completed_at: datetime


class AttemptOutcome(StrEnum):
    """How an attempt ended, or that it runs. Released: it was handed back or snoozed, and its number is used again."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RELEASED = "released"


class AttemptObject(msgspec.Struct, kw_only=True):
    """One attempt at a task, or the end of a task that waited. Times are in UTC."""

    attempt: Annotated[int, says("Its number, from 1; 0 for the end of a task that never started.")]
    outcome: AttemptOutcome
    result: Annotated[str | None, says("The return value as JSON text.")]
    error: str | None
    traceback: str | None
    logs: Annotated[str | None, says("The lines it wrote to its log, the latest ones when there are many.")]
    progress: Annotated[int | None, says("In percent.")]
    progress_message: str | None
    run_seconds: Annotated[float | None, says("How long the function ran, where its worker could tell.")]
    started_at: datetime | None
    finished_at: Annotated[datetime | None, says("When its end was stored.")]
    worker_id: str | None
    final: Annotated[bool, says("Whether it gave the task its status.")]


class WebhookObject(msgspec.Struct, kw_only=True):
    """A call that tells of an ended task, and what became of it. The database answers it as text, in this form."""

    id: Annotated[Id, says("The id of the event, sent as `webhook-id` with every try.")]
    task_id: Id
    queue_name: str
    task_name: str
    url: str
    status: Annotated[Literal["completed", "failed"], says("How the task ended.")]
    state: WebhookState
    tries: Annotated[int, says("Tries begun since the end of the task, or since it was sent again.")]
    created_at: Annotated[datetime, says("When the task ended.")]
    due_at: Annotated[
        datetime | None,
        says("When it is tried next, while it is pending; of one on its way, in case of no outcome."),
    ]
    tried_at: Annotated[datetime | None, says("When the latest try began.")]
    answer: Annotated[int | None, says("The HTTP status that the latest try was answered with.", example=200)]
    failure: Annotated[str | None, says("Why the latest try came to nothing.", example="it answered 500")]

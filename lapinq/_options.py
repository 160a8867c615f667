"""What can be said of how a task is enqueued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from datetime import datetime


class TaskOptions(TypedDict, total=False):
    """How a task is enqueued. None leaves it to the queue, or to the server's default."""

    queue_name: str | None
    scheduled_at: str | datetime | None
    max_retries: int | None
    priority: int | None
    ttl_seconds: float | None
    metadata: dict[str, Any] | None
    retry_delay: float | None
    retry_backoff: bool | None
    webhook_url: str | None
    timeout: float | None
    idempotency_key: str | None

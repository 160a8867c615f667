"""One task as a person looks at it, with its attempts: bounded, whatever it was given and whatever it gave back."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.statements import sql
from lapinq_core.domain.tasks.state import Status

_PACKAGE = "lapinq_core.lookup"

WHOLE_BYTES = 100_000
"""A value as JSON text that is larger is shown in part."""
PART_CHARACTERS = 20_000
MOST_ATTEMPTS = 50
MOST_TRACEBACKS = 20
MOST_LOGS = 5


class Value(msgspec.Struct, frozen=True):
    """JSON text, or its beginning where it is larger than is shown; `size` in bytes is that of all of it."""

    text: str
    size: int

    @property
    def is_whole(self) -> bool:
        return self.size <= WHOLE_BYTES


class CloseUp(msgspec.Struct, frozen=True, kw_only=True):
    """A task. `scheduled_at` is the time it was asked for, `due_at` that which it waits for now, None for no time."""

    id: str
    task_name: str
    queue_name: str
    module_path: str
    status: Status
    error: str | None
    attempts: int
    max_retries: int
    priority: int
    progress: int | None
    progress_message: str | None
    retry_delay: float
    retry_backoff: bool
    webhook_url: str | None
    ttl_seconds: float | None
    expires_at: datetime | None
    worker_id: str | None
    worker_name: str | None
    created_at: datetime
    scheduled_at: datetime | None
    due_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    timeout_seconds: float | None
    cancel_requested_at: datetime | None
    request_id: str | None
    args: Value
    kwargs: Value
    metadata: Value | None
    result: Value | None


class AttemptCloseUp(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt, or the end of a task that waited (`started_at` is None then).

    `outcome` is one of the API's. The traceback and the logs of old ones are left out. `worker_name` is None of a
    worker that is forgotten by now.
    """

    attempt: int
    outcome: str
    error: str | None
    traceback: str | None
    logs: str | None
    has_logs: bool
    run_seconds: float | None
    started_at: datetime | None
    finished_at: datetime | None
    worker_id: str | None
    worker_name: str | None


async def get(conn: psycopg.AsyncConnection, task_id: str) -> CloseUp | None:
    """The task; None for an unknown id."""
    params = {"id": task_id, "whole": WHOLE_BYTES, "part": PART_CHARACTERS}
    row = await (await conn.execute(sql(_PACKAGE, "task_detail"), params, prepare=True)).fetchone()
    if row is None:
        return None
    shown: dict[str, Any] = dict(zip(_PLAIN, row, strict=False))
    shown["status"] = Status(shown["status"])
    values = iter(row[len(_PLAIN) :])
    for name in _VALUES:
        shown[name] = _value(next(values), next(values))
    return CloseUp(**shown)


async def get_attempts(conn: psycopg.AsyncConnection, task_id: str) -> tuple[list[AttemptCloseUp], bool]:
    """The latest attempts, the latest first, and whether there are earlier ones; none for an unknown id."""
    params = {
        "id": task_id,
        "limit": MOST_ATTEMPTS + 1,
        "traced": MOST_TRACEBACKS,
        "logged": MOST_LOGS,
    }
    cursor = await conn.execute(sql(_PACKAGE, "task_detail_attempts"), params, prepare=True)
    fields = AttemptCloseUp.__struct_fields__
    found = [AttemptCloseUp(**dict(zip(fields, row, strict=True))) for row in await cursor.fetchall()]
    return found[:MOST_ATTEMPTS], len(found) > MOST_ATTEMPTS


def _value(size: int | None, text: str | None) -> Value | None:
    return None if size is None or text is None else Value(text, size)


_VALUES = ("args", "kwargs", "metadata", "result")
_PLAIN = CloseUp.__struct_fields__[: -len(_VALUES)]

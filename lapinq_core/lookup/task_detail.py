"""One task in detail, with its attempts, for people. Bounded, however large its payload is."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.shown_state import ShownState, state_of
from lapinq_core.domain.tasks.state import Status

sql = sql_of(__name__)

WHOLE_BYTES = 100_000
"""A larger value, as JSON text, is cut."""
PART_CHARACTERS = 20_000
MAX_ATTEMPTS = 50
MAX_LATER = 20
VALUES = ("args", "kwargs", "metadata", "result")
"""The fields of a task that hold values of any size."""


class Value(msgspec.Struct, frozen=True):
    """JSON text, cut if too large; `size` is that of the whole value in bytes."""

    text: str
    size: int

    @property
    def is_whole(self) -> bool:
        return self.size <= WHOLE_BYTES


class TaskDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A task. `scheduled_at` is the start time as enqueued, `due_at` when it is due now: None unless it waits for its
    time. `is_blocked`: it waits for its parents. `is_suspended`: its last attempt ended in a wait."""

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
    is_parked: bool
    is_blocked: bool
    is_suspended: bool
    started_at: datetime | None
    completed_at: datetime | None
    timeout_seconds: float | None
    cancel_requested_at: datetime | None
    request_id: str | None
    key: str | None
    limits: dict[str, int] | None
    unique_key: str | None
    is_queue_paused: bool
    args: Value
    kwargs: Value
    metadata: Value | None
    result: Value | None

    @property
    def state(self) -> ShownState:
        return state_of(
            self.status,
            is_delayed=self.due_at is not None,
            is_blocked=self.is_blocked,
            is_suspended=self.is_suspended,
            starts=self.attempts,
            is_paused=self.is_queue_paused,
            is_stopping=self.cancel_requested_at is not None,
        )


class AttemptDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt, or the end of a pending task (`started_at` is None then).

    `outcome` is one of the API's. Only the chosen one comes with its log, only that one and the latest with their
    traceback. `worker_name` is None if the worker has been deleted. `requeued_at` and `requeued_by` say when and by
    whom the task was requeued after this attempt.
    """

    attempt: int
    outcome: str
    error: str | None
    traceback: str | None
    logs: str | None
    run_seconds: float | None
    started_at: datetime | None
    finished_at: datetime | None
    worker_id: str | None
    worker_name: str | None
    requeued_at: datetime | None = None
    requeued_by: str | None = None
    has_profile: bool = False
    is_chosen: bool = False


class Attempts(msgspec.Struct, frozen=True):
    """The latest attempts, latest first, whether there are earlier ones, and the chosen one, which may be earlier."""

    latest: list[AttemptDetail]
    is_cut: bool
    chosen: AttemptDetail | None


class AttemptLog(msgspec.Struct, frozen=True):
    """What an attempt logged, as far as it is kept."""

    text: str
    is_running: bool


class LaterRun(msgspec.Struct, frozen=True):
    """A task that repeats an earlier one."""

    id: str
    created_at: datetime


class Reruns(msgspec.Struct, frozen=True):
    """`earlier` is the id of the task that this one repeats. `later` are the latest that repeat it, newest first."""

    earlier: str | None
    later: list[LaterRun]


async def get(conn: psycopg.AsyncConnection, task_id: str) -> TaskDetail | None:
    """The task; None for an unknown id."""
    params = {"id": task_id, "whole": WHOLE_BYTES, "part": PART_CHARACTERS}
    row = await maybe_row(conn, sql("task_detail"), params, prepare=True)
    if row is None:
        return None
    shown: dict[str, Any] = dict(zip(_PLAIN, row, strict=False))
    shown["status"] = Status(shown["status"])
    values = iter(row[len(_PLAIN) :])
    for name in VALUES:
        shown[name] = _value(next(values), next(values))
    return TaskDetail(**shown)


async def get_attempts(
    conn: psycopg.AsyncConnection, task_id: str, chosen: datetime | None = None
) -> Attempts:
    """The attempts; none for an unknown id. `chosen` says when the attempt to show in detail was claimed; without it,
    that is the latest one."""
    params = {"id": task_id, "limit": MAX_ATTEMPTS + 1, "chosen": chosen}
    rows = await all_rows(conn, sql("task_detail_attempts"), params, prepare=True)
    fields = AttemptDetail.__struct_fields__
    found = [AttemptDetail(**dict(zip(fields, row, strict=True))) for row in rows]
    return Attempts(
        latest=found[:MAX_ATTEMPTS],
        is_cut=len(found) > MAX_ATTEMPTS,
        chosen=next((one for one in found if one.is_chosen), None),
    )


async def get_log(conn: psycopg.AsyncConnection, task_id: str, claimed_at: datetime) -> AttemptLog | None:
    """What the attempt that was claimed then logged; None if there is no such attempt."""
    params = {"id": task_id, "claimed_at": claimed_at}
    row = await maybe_row(conn, sql("attempt_log"), params, prepare=True)
    return AttemptLog(row[0] or "", row[1]) if row else None


async def get_value(conn: psycopg.AsyncConnection, task_id: str, field: str) -> str | None:
    """A whole value as JSON text, up to many megabytes; None if there is none. `field` is one of `VALUES`."""
    params = {"id": task_id, "field": field}
    return await first_value(conn, sql("task_value"), params, prepare=False)


async def reruns_of(conn: psycopg.AsyncConnection, task_id: str) -> Reruns:
    """Which task this one repeats, and which repeat it: tasks that still exist, as long as the audit log knows."""
    params = {"id": task_id, "limit": MAX_LATER}
    row = await maybe_row(conn, sql("reruns"), params, prepare=True)
    return Reruns(None, []) if row is None else Reruns(row[0], _later.decode(row[1]))


def _value(full_size: int | None, text: str | None) -> Value | None:
    return None if full_size is None or text is None else Value(text, full_size)


_PLAIN = TaskDetail.__struct_fields__[: -len(VALUES)]
_later = msgspec.json.Decoder(list[LaterRun])

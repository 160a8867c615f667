"""Cancel, requeue, run now, set progress: what a person does to one task, in one statement guarded by its status."""

from enum import StrEnum

import psycopg

from lapinq_core.db.rows import first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.intake.idempotency import retake_unique_key

sql = sql_of(__name__)
_TRIES = 3


async def cancel(conn: psycopg.AsyncConnection, task_id: str) -> bool:
    """Cancels a pending task; False when it is unknown or not pending.

    A promotion at the same moment moves the row away from under the statement; it is tried again then.
    """
    for _ in range(_TRIES):
        if await maybe_row(conn, sql("cancel"), {"id": task_id}) is not None:
            return True
        if await maybe_row(conn, sql("is_pending"), {"id": task_id}) is None:
            return False
    return False


CANCEL_CHANNEL = "lapinq_cancel"
"""Tells a worker which of its tasks to stop: id and claim token, separated by a space."""


async def request_cancel(conn: psycopg.AsyncConnection, task_id: str) -> bool:
    """Asks the worker to stop a running task; False when it is unknown or not running.

    The task ends as cancelled, unless it completes first.
    """
    return await maybe_row(conn, sql("request_cancel"), {"id": task_id}) is not None


class ProgressNoted(StrEnum):
    """The result of `set_progress`."""

    NOTED = "noted"
    NOT_RUNNING = "not running"
    OTHER_CLAIM = "other claim"
    UNKNOWN = "unknown"


async def set_progress(
    conn: psycopg.AsyncConnection,
    task_id: str,
    progress: int,
    message: str | None,
    claim_seq: int | None = None,
) -> ProgressNoted:
    """Sets a running task's progress in percent; only for the claim `claim_seq`, if given.

    If the task starts between the two statements it tries again, a few times.
    """
    params = {"id": task_id, "progress": progress, "message": message, "claim_seq": claim_seq}
    for _ in range(_TRIES):
        if await maybe_row(conn, sql("set_progress"), params) is not None:
            return ProgressNoted.NOTED
        row = await maybe_row(conn, sql("running_claim"), {"id": task_id})
        if row is None:
            return ProgressNoted.UNKNOWN
        if row[0] is None:
            return ProgressNoted.NOT_RUNNING
        if claim_seq is not None and row[0] != claim_seq:
            return ProgressNoted.OTHER_CLAIM
    return ProgressNoted.NOT_RUNNING


async def requeue(conn: psycopg.AsyncConnection, task_id: str, *, by: str) -> str | None:
    """Makes a failed task pending again; returns its queue, None when it is unknown or not failed.

    The attempt that failed records the time and `by`, the name of the person or key. `conn` is in a transaction, to
    be rolled back if it raises `UniqueConflict`, because another task holds the task's unique key, or `UniqueKeyBusy`.
    """
    await retake_unique_key(conn, task_id)
    return await first_value(conn, sql("requeue"), {"id": task_id, "by": by})


async def run_now(conn: psycopg.AsyncConnection, task_id: str) -> str | None:
    """Makes a delayed task ready; returns its queue, None when it is unknown or not delayed."""
    return await first_value(conn, sql("run_now"), {"id": task_id})

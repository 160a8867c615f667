"""What a person does to a task: each a single statement guarded by the state it starts from."""

from enum import StrEnum

import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.tasks"
_TRIES = 3


async def cancel(conn: psycopg.AsyncConnection, task_id: str) -> bool:
    """Cancels a pending task; False when it is unknown or not pending.

    A promotion at the same moment moves the row from under the statement; then it is tried again.
    """
    for _ in range(_TRIES):
        cursor = await conn.execute(sql(_PACKAGE, "cancel"), {"id": task_id})
        if await cursor.fetchone() is not None:
            return True
        pending = await conn.execute(sql(_PACKAGE, "is_pending"), {"id": task_id})
        if await pending.fetchone() is None:
            return False
    return False


CANCEL_CHANNEL = "lapinq_cancel"
"""Where a worker hears which of its tasks to stop: the id and the token of the claim, with a space between."""


async def request_cancel(conn: psycopg.AsyncConnection, task_id: str) -> bool:
    """Asks for the stop of a running task; False when it is unknown or not running.

    It ends as cancelled, unless it completes before its worker hears of it.
    """
    cursor = await conn.execute(sql(_PACKAGE, "request_cancel"), {"id": task_id})
    return await cursor.fetchone() is not None


class ProgressNoted(StrEnum):
    """What became of a report of progress."""

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
    """Notes how far a running task has come, in percent; of the claim `claim_seq` only, if that is given.

    A task that is started between the two statements is tried again, a few times.
    """
    params = {"id": task_id, "progress": progress, "message": message, "claim_seq": claim_seq}
    for _ in range(_TRIES):
        if await (await conn.execute(sql(_PACKAGE, "set_progress"), params)).fetchone() is not None:
            return ProgressNoted.NOTED
        cursor = await conn.execute(sql(_PACKAGE, "running_claim"), {"id": task_id})
        row = await cursor.fetchone()
        if row is None:
            return ProgressNoted.UNKNOWN
        if row[0] is None:
            return ProgressNoted.NOT_RUNNING
        if claim_seq is not None and row[0] != claim_seq:
            return ProgressNoted.OTHER_CLAIM
    return ProgressNoted.NOT_RUNNING


async def requeue(conn: psycopg.AsyncConnection, task_id: str) -> str | None:
    """Lets a failed task wait again; answers its queue, None when it is unknown or not failed."""
    row = await (await conn.execute(sql(_PACKAGE, "requeue"), {"id": task_id})).fetchone()
    return row[0] if row else None


async def run_now(conn: psycopg.AsyncConnection, task_id: str) -> str | None:
    """Lets a delayed task start at once; answers its queue, None when it is unknown or waits for no time."""
    row = await (await conn.execute(sql(_PACKAGE, "run_now"), {"id": task_id})).fetchone()
    return row[0] if row else None

"""What a person asks of a task whatever its state: to stop, or to wait again; and why, where nothing was done.

A task that is claimed, retried or ends between two statements is looked at again, so `conn` is in no transaction.
"""

from enum import StrEnum

import psycopg

from lapinq_core.domain.state import FINAL, Status
from lapinq_core.queue import control, inspect

_LOOKS = 3


class Stop(StrEnum):
    """What came of asking a task to stop."""

    CANCELLED = "cancelled"
    ASKED = "asked"
    REFUSED = "refused"


async def stop(
    conn: psycopg.AsyncConnection, task_id: str, *, also_running: bool
) -> tuple[Stop, Status | None]:
    """Cancels a task that waits and, with `also_running`, asks one that runs to stop.

    Answers what came of it and the status the task has, None for an unknown one. One that moved from under every look
    is refused as it was seen last.
    """
    status = None
    for _ in range(_LOOKS):
        if await control.cancel(conn, task_id):
            return Stop.CANCELLED, Status.CANCELLED
        if also_running and await control.request_cancel(conn, task_id):
            return Stop.ASKED, Status.RUNNING
        status = await _status(conn, task_id)
        if status is None or status in FINAL or (status is Status.RUNNING and not also_running):
            break
    return Stop.REFUSED, status


async def requeue(conn: psycopg.AsyncConnection, task_id: str) -> tuple[str | None, Status | None]:
    """Lets a failed task wait again.

    Answers its queue, None when nothing was done, and the status it has, None for an unknown one.
    """
    status = None
    for _ in range(_LOOKS):
        queue = await control.requeue(conn, task_id)
        if queue is not None:
            return queue, Status.PENDING
        status = await _status(conn, task_id)
        if status is not Status.FAILED:
            break
    return None, status


async def _status(conn: psycopg.AsyncConnection, task_id: str) -> Status | None:
    found = await inspect.get_result(conn, task_id)
    return found[0] if found else None

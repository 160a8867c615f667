"""Stops, requeues or runs one task on request, with an audit entry, and tells why when nothing was done.

The audit entry is written in the transaction that changes the task. That transaction is short, because workers want the
row it locks. A task that is claimed, retried or ends between two statements is looked at again, so `conn` must be in no
transaction.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import partial
from typing import TypeVar

import psycopg

from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.people import audit
from lapinq_core.people.audit import Author
from lapinq_core.tasks import actions, inspect
from lapinq_core.tasks.inspect import TaskNames

_LOOKS = 3

T = TypeVar("T")


class Stop(StrEnum):
    """The result of `stop`."""

    CANCELLED = "cancelled"
    ASKED = "asked"
    REFUSED = "refused"


async def stop(
    conn: psycopg.AsyncConnection, task_id: str, *, also_running: bool, by: Author
) -> tuple[Stop, Status | None]:
    """Cancels a pending task and, with `also_running`, asks a running one to stop.

    Returns the result and the task's status, None for an unknown one. A task that moved during every look is refused
    with the status seen last.
    """
    names = await inspect.get_names(conn, task_id)
    if names is None:
        return Stop.REFUSED, None
    steps = _Steps(conn, task_id, names, by)
    status = None
    for _ in range(_LOOKS):
        if await steps.take(actions.cancel, "task.cancel"):
            return Stop.CANCELLED, Status.CANCELLED
        if also_running and await steps.take(actions.request_cancel, "task.cancel_request"):
            return Stop.ASKED, Status.RUNNING
        status = await _status(conn, task_id)
        if status is None or status in FINAL or (status is Status.RUNNING and not also_running):
            break
    return Stop.REFUSED, status


async def requeue(
    conn: psycopg.AsyncConnection, task_id: str, *, by: Author
) -> tuple[str | None, Status | None]:
    """Makes a failed task pending again.

    Returns its queue, None when nothing was done, and its status, None for an unknown one. Raises `UniqueConflict` and
    `UniqueKeyBusy`.
    """
    names = await inspect.get_names(conn, task_id)
    if names is None:
        return None, None
    steps = _Steps(conn, task_id, names, by)
    requeue_by = partial(actions.requeue, by=by.actor)
    status = None
    for _ in range(_LOOKS):
        queue = await steps.take(requeue_by, "task.requeue")
        if queue is not None:
            return queue, Status.PENDING
        status = await _status(conn, task_id)
        if status is not Status.FAILED:
            break
    return None, status


async def run_now(
    conn: psycopg.AsyncConnection, task_id: str, *, by: Author
) -> tuple[str | None, Status | None]:
    """Makes a delayed task ready, also one that waits for its retry.

    Returns its queue, None when nothing was done, and its status, None for an unknown one. A pending task for which
    nothing was done is ready already.
    """
    names = await inspect.get_names(conn, task_id)
    if names is None:
        return None, None
    queue = await _Steps(conn, task_id, names, by).take(actions.run_now, "task.run_now")
    if queue is not None:
        return queue, Status.PENDING
    return None, await _status(conn, task_id)


class _Steps:
    """Tries verbs on one task; each that has an effect gets its audit entry."""

    def __init__(self, conn: psycopg.AsyncConnection, task_id: str, names: TaskNames, by: Author) -> None:
        self._conn = conn
        self._task_id = task_id
        self._details = {"queue": names.queue_name, "task_name": names.task_name}
        self._by = by

    async def take(self, verb: Callable[[psycopg.AsyncConnection, str], Awaitable[T]], action: str) -> T:
        """Returns what `verb` returns; if that is true, writes the audit entry."""
        async with self._conn.transaction():
            done = await verb(self._conn, self._task_id)
            if done:
                await audit.record(self._conn, self._by.did(action, self._task_id, self._details))
        return done


async def _status(conn: psycopg.AsyncConnection, task_id: str) -> Status | None:
    found = await inspect.get_result(conn, task_id)
    return found[0] if found else None

"""Queues: how many tasks they have, their policy, pausing and resuming."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.limits import breakers, policies
from lapinq_core.limits.policies import QueuePolicy
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)

MAX_LISTED = 500
ALL = 2**31 - 1
"""As a limit."""
MAX_REASON = 1000
"""Characters in the reason for a pause."""


class QueueState(msgspec.Struct, frozen=True):
    """How many tasks of a queue have each status, and when, by whom and why it was paused, null if it is not."""

    queue_name: str
    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    expired: int
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None


class QueueDetails(QueueState, frozen=True):
    """A queue with its policy. `workers` are the names of the living workers that claim its tasks.

    `waiting_since` is when its first ready task was enqueued, became due or was requeued; null without any.
    """

    waiting_since: datetime | None
    workers: list[str]
    policy: QueuePolicy


class QueueOrder(StrEnum):
    """How lists of queues are sorted; equals by name."""

    NAME = "name"
    PENDING = "pending"
    RUNNING = "running"
    FAILED = "failed"
    PAUSED = "paused"
    """Paused queues first."""


class QueueLine(QueueState, frozen=True):
    """A queue in a list. `waiting_since` is when its first ready task was enqueued, became due or was requeued; None
    without any."""

    waiting_since: datetime | None


async def list_queues(
    conn: psycopg.AsyncConnection,
    part: str = "",
    order: QueueOrder = QueueOrder.NAME,
    limit: int = MAX_LISTED,
    readable: Readable = None,
) -> tuple[list[QueueLine], int]:
    """The first `limit` queues that have tasks or are paused and whose name contains `part`, ignoring case.

    Only those in `readable`. Also returns how many match in all.
    """
    params = {"part": part, "order": order, "limit": limit, "queues": as_list(readable)}
    rows = await all_rows(conn, sql("list_queues"), params, prepare=True)
    return [QueueLine(*row[:-1]) for row in rows], rows[0][-1] if rows else 0


async def get_queue(conn: psycopg.AsyncConnection, queue: str) -> QueueDetails | None:
    """The queue; None if it has no tasks, was never paused and never had a limit."""
    row = await maybe_row(conn, sql("get_queue"), {"queue": queue}, prepare=True)
    if row is None:
        return None
    return QueueDetails(*row, policy=await policies.read(conn, queue, running=row[2]))


async def set_policy(
    conn: psycopg.AsyncConnection, queue: str, changes: Mapping[str, Any], *, by: Author
) -> QueueDetails | None:
    """Sets the given fields of the queue's policy, as `policies.change` does. The queue need not have tasks yet."""
    await policies.change(conn, queue, changes, by=by)
    return await get_queue(conn, queue)


async def pause(
    conn: psycopg.AsyncConnection, queue: str, reason: str | None, *, by: Author
) -> QueueDetails | None:
    """Starts nothing more from the queue; running tasks end as usual. The queue need not have tasks yet.

    A queue that is already paused keeps who paused it first, and no audit entry is written.
    """
    params = {"queue": queue, "paused_by": by.actor, "reason": reason}
    async with conn.transaction():
        if await maybe_row(conn, sql("pause_queue"), params) is not None:
            await audit.record(conn, by.did("queue.pause", queue, {"reason": reason} if reason else None))
    return await get_queue(conn, queue)


async def resume(
    conn: psycopg.AsyncConnection, queue: str, *, by: Author
) -> tuple[bool, QueueDetails | None]:
    """Lets the tasks of the queue start again; no audit entry is written if it was not paused.

    Returns whether it was, and the queue. The caller wakes workers after the commit.
    """
    async with conn.transaction():
        was_paused = await maybe_row(conn, sql("resume_queue"), {"queue": queue}) is not None
        if was_paused:
            await audit.record(conn, by.did("queue.resume", queue))
    return was_paused, await get_queue(conn, queue)


async def close_breaker(
    conn: psycopg.AsyncConnection, queue: str, *, by: Author
) -> tuple[bool, QueueDetails | None]:
    """Closes the circuit breaker of the queue; whether it was not closed, and the queue. The caller wakes workers."""
    was_open = await breakers.close_breaker(conn, "queue", queue, by=by)
    return was_open, await get_queue(conn, queue)

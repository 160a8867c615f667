"""Queues: how many tasks they have, their policy, pausing and resuming."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.breaker import BreakerState
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
    OLDEST = "oldest"
    """The queue whose first task has waited longest first."""
    TROUBLE = "trouble"
    """Unserved queues first, then those with an open breaker, then paused ones; the fullest of each first."""


class Trouble(StrEnum):
    """What keeps all tasks of a queue from starting."""

    UNSERVED = "unserved"
    """It has ready tasks, and no living worker claims from it."""
    BREAKER = "breaker"
    """Its circuit breaker is not closed."""
    PAUSED = "paused"


class QueueLine(QueueState, frozen=True):
    """A queue in a list. `waiting_since` is when its first ready task was enqueued, became due or was requeued; None
    without any. `max_running` and whether there are more rules are of its policy. `breaker_state` is None without a
    circuit breaker."""

    waiting_since: datetime | None
    max_running: int | None
    has_policy: bool
    breaker_state: BreakerState | None
    is_unserved: bool


async def list_queues(
    conn: psycopg.AsyncConnection,
    part: str = "",
    order: QueueOrder = QueueOrder.NAME,
    limit: int = MAX_LISTED,
    readable: Readable = None,
    trouble: Trouble | None = None,
    skipped: int = 0,
) -> tuple[list[QueueLine], int]:
    """Up to `limit` queues that have tasks, a policy or a circuit breaker or are paused, after the first `skipped`.

    Only those in `readable` whose name contains `part`, ignoring case, and with this `trouble`. Also returns how many
    match in all; 0 if that is fewer than `skipped`.
    """
    params = {
        "part": part,
        "order": order,
        "limit": limit,
        "queues": as_list(readable),
        "trouble": trouble,
        "skipped": skipped,
    }
    rows = await all_rows(conn, sql("list_queues"), params, prepare=True)
    return [_line(*row[:-1]) for row in rows], rows[0][-1] if rows else 0


def _line(*columns: Any) -> QueueLine:
    *others, state, is_unserved = columns
    return QueueLine(
        *others,
        breaker_state=None if state is None else BreakerState(state),
        is_unserved=is_unserved,
    )


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

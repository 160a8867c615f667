"""Alerts as data: queues that stand still, grow or fail, blocked keys, dead and stuck workers, late schedules, failed
webhooks, slow databases."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, LiteralString, TypeVar

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import Readable, as_list, includes
from lapinq_core.figures import levels
from lapinq_core.figures.levels import GrowingQueue
from lapinq_core.figures.stuck_workers import StuckWorker, find_stuck

sql = sql_of(__name__)
T = TypeVar("T")

MAX_QUEUES = 20
"""Of each kind so many are listed, the others counted."""
MAX_WEBHOOKS = 1000
GIVEN_UP_SECONDS = 24 * 3600.0
"""How long an alert counts webhooks that were given up."""
OVERDUE_SECONDS = 60.0
"""A webhook that waits longer than this has no scheduler to deliver it."""
LATE_SECONDS = 30.0
"""A tick that is overdue by more than this has no scheduler to handle it."""
SNAPSHOT_SECONDS = 600.0
"""Dead rows that are kept longer than this slow down claims."""
BLOCKED_SECONDS = 300.0
"""A key that a failed task holds for longer needs somebody."""
MAX_BLOCKED = 1000
"""Keys of a queue that are looked at, the oldest."""
DEAD_SECONDS = 3600.0
"""How long an alert tells that a worker died."""
SNAPSHOT_TRANSACTIONS = 10_000_000
"""The same limit for a replication slot, whose age is not known in seconds."""


class UnservedQueue(msgspec.Struct, frozen=True):
    """A queue that has ready tasks and is not paused, and from which no worker claims.

    `waiting` includes delayed tasks. `seconds` is how long the first task in line has been waiting.
    `has_quiet_worker`: workers serve it, but all of them are quiet.
    """

    queue_name: str
    waiting: int
    seconds: float | None
    has_quiet_worker: bool


class PausedQueue(msgspec.Struct, frozen=True):
    """A paused queue, by whom and why it was paused. `waiting` includes delayed tasks."""

    queue_name: str
    waiting: int
    paused_at: datetime
    paused_by: str | None
    reason: str | None


class OpenBreaker(msgspec.Struct, frozen=True):
    """A queue or, if `task_name` is given, a task name whose circuit breaker is `open` or `half_open`: `failures`
    attempts failed in a row, or of `attempts` within the window. It tries a task at `tries_at`. `waiting` includes
    delayed tasks of the queue; of a task name it counts those that wait for the breaker."""

    queue_name: str
    state: str
    opened_at: datetime
    tries_at: datetime
    failures: int
    attempts: int | None
    window_seconds: float
    waiting: int
    task_name: str | None = None


class BlockedQueue(msgspec.Struct, frozen=True):
    """A queue with keys that a failed task, which waits for another attempt, has held for more than `BLOCKED_SECONDS`:
    the first `since` then. There may be more if `is_capped`."""

    queue_name: str
    keys: int
    since: datetime
    is_capped: bool


class DeadWorker(msgspec.Struct, frozen=True):
    """A worker that was declared dead: it sent no heartbeat and did not deregister."""

    id: str
    name: str
    dead_at: datetime


class OldSnapshot(msgspec.Struct, frozen=True):
    """What keeps dead rows from being vacuumed: a session, a prepared transaction or a replication slot.

    `name` is the session's application. `seconds` is None for a slot, `transactions` for the others.
    """

    kind: str
    name: str
    pid: int | None
    seconds: float | None
    transactions: int | None


class MissingPartition(msgspec.Struct, frozen=True):
    """A week without a partition, by the date of its Monday. Its tasks are in the default partition.

    Either it has too many tasks to move them while others wait, or creating it failed. `default_bytes` is the size of
    the default partitions, with the tasks of all weeks.
    """

    monday: str
    default_bytes: int


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything to report. Counts of webhooks and schedules stop at `MAX_WEBHOOKS`.

    Each list has the first `MAX_QUEUES`: of `unserved` those that have waited longest, of `paused` the fullest, of
    `growing` those that grew most, of `breakers` those that opened first, of `blocked` those with the most keys. Where
    there are more, `counts` says how many, by the name of the list: of `unserved` up to 1,000, of `blocked` never. A
    queue of another list is not in `growing`. `dead_workers` died in the last `DEAD_SECONDS`.
    `has_worker`: at least one is alive and claims.
    `schedules_late` is how many seconds the earliest tick is overdue, None if none is late; `late_schedules` counts
    them.
    `overdue_seconds` is how long the earliest webhook is overdue.
    """

    unserved: list[UnservedQueue]
    has_worker: bool
    schedules_late: float | None
    webhooks_given_up: int
    webhooks_overdue: int
    overdue_seconds: float | None
    old_snapshots: list[OldSnapshot]
    default_passwords: list[str]
    paused: list[PausedQueue] = []
    breakers: list[OpenBreaker] = []
    blocked: list[BlockedQueue] = []
    growing: list[GrowingQueue] = []
    dead_workers: list[DeadWorker] = []
    stuck_workers: list[StuckWorker] = []
    late_schedules: int = 0
    missing_partition: MissingPartition | None = None
    counts: Mapping[str, int] = {}


async def current(conn: psycopg.AsyncConnection, readable: Readable = None) -> Alerts:
    """All current alerts; of these queues only what is about them, as nothing else says which queue it concerns."""
    counts: dict[str, int] = {}
    chosen = {"queues": as_list(readable)}
    unserved, counts["unserved"] = await _first(conn, sql("unserved_queues"), UnservedQueue, **chosen)
    paused, counts["paused"] = await _first(conn, sql("paused_queues"), PausedQueue, **chosen)
    breakers, counts["breakers"] = await _first(conn, sql("open_breakers"), OpenBreaker, **chosen)
    blocked = await find_blocked(conn, readable)
    standing = {queue.queue_name for queue in (*unserved, *paused, *breakers)}
    growing = [
        queue
        for queue in (await levels.looks(conn)).growing()
        if includes(readable, queue.queue_name) and queue.queue_name not in standing
    ]
    counts["growing"] = len(growing)
    params = {
        "given_up": GIVEN_UP_SECONDS,
        "overdue": OVERDUE_SECONDS,
        "late": LATE_SECONDS,
        "most": MAX_WEBHOOKS,
    }
    has_worker, schedules_late, late_schedules, given_up, overdue, overdue_seconds, usernames = await one_row(
        conn, sql("alerts"), params, prepare=True
    )
    if readable is not None:
        return Alerts(
            unserved=unserved,
            has_worker=has_worker,
            schedules_late=None,
            webhooks_given_up=0,
            webhooks_overdue=0,
            overdue_seconds=None,
            old_snapshots=[],
            default_passwords=[],
            paused=paused,
            breakers=breakers,
            blocked=blocked,
            growing=growing[:MAX_QUEUES],
            counts=_of_cut(counts),
        )
    dead, counts["dead_workers"] = await _first(conn, sql("dead_workers"), DeadWorker, seconds=DEAD_SECONDS)
    stuck = await find_stuck(conn)
    counts["stuck_workers"] = len(stuck)
    return Alerts(
        unserved=unserved,
        has_worker=has_worker,
        schedules_late=schedules_late,
        late_schedules=late_schedules,
        webhooks_given_up=given_up,
        webhooks_overdue=overdue,
        overdue_seconds=overdue_seconds,
        old_snapshots=await find_old_snapshots(conn),
        default_passwords=usernames,
        paused=paused,
        breakers=breakers,
        blocked=blocked,
        growing=growing[:MAX_QUEUES],
        dead_workers=dead,
        stuck_workers=stuck[:MAX_QUEUES],
        missing_partition=await missing_partition(conn),
        counts=_of_cut(counts),
    )


async def find_unserved(conn: psycopg.AsyncConnection) -> list[UnservedQueue]:
    """Only `Alerts.unserved`."""
    found, _ = await _first(conn, sql("unserved_queues"), UnservedQueue, queues=None)
    return found


async def open_breakers(conn: psycopg.AsyncConnection) -> list[OpenBreaker]:
    """Only `Alerts.breakers`."""
    found, _ = await _first(conn, sql("open_breakers"), OpenBreaker, queues=None)
    return found


async def find_blocked(conn: psycopg.AsyncConnection, readable: Readable = None) -> list[BlockedQueue]:
    """Only `Alerts.blocked`."""
    params = {
        "seconds": BLOCKED_SECONDS,
        "most_keys": MAX_BLOCKED,
        "most": MAX_QUEUES,
        "queues": as_list(readable),
    }
    rows = await all_rows(conn, sql("blocked_queues"), params, prepare=True)
    return [BlockedQueue(*row) for row in rows]


async def missing_partition(conn: psycopg.AsyncConnection) -> MissingPartition | None:
    """This week or the next, if it has no partition."""
    row = await maybe_row(conn, sql("missing_partition"), prepare=True)
    return MissingPartition(*row) if row else None


async def schedules_late(conn: psycopg.AsyncConnection) -> float | None:
    """Only `Alerts.schedules_late`."""
    params = {"late": LATE_SECONDS}
    return await first_value(conn, sql("schedules_late"), params, prepare=True)


async def find_old_snapshots(
    conn: psycopg.AsyncConnection,
    seconds: float = SNAPSHOT_SECONDS,
    transactions: int = SNAPSHOT_TRANSACTIONS,
) -> list[OldSnapshot]:
    """Snapshots over the age limits, the oldest of each kind, as far as the database lets us see them."""
    params = {"seconds": seconds, "transactions": transactions}
    return [OldSnapshot(*row) for row in await all_rows(conn, sql("old_snapshots"), params, prepare=True)]


async def _first(
    conn: psycopg.AsyncConnection, statement: LiteralString, kind: Callable[..., T], **params: Any
) -> tuple[list[T], int]:
    """The first of a kind, and how many there are: the last column of the statement."""
    rows = await all_rows(conn, statement, {**params, "most": MAX_QUEUES}, prepare=True)
    return [kind(*row[:-1]) for row in rows], rows[0][-1] if rows else 0


def _of_cut(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts of the lists that leave some out."""
    return {kind: count for kind, count in counts.items() if count > MAX_QUEUES}

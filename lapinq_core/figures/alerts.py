"""Alerts as data: queues without workers, late schedules, failed webhooks, and what slows the whole system down."""

import msgspec
import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.figures"

MAX_QUEUES = 20
MAX_WEBHOOKS = 1000
GIVEN_UP_SECONDS = 24 * 3600.0
"""How long an alert counts webhooks that were given up."""
OVERDUE_SECONDS = 60.0
"""A webhook that waits longer than this has no scheduler to deliver it."""
LATE_SECONDS = 30.0
"""A tick that is overdue by more than this has no scheduler to handle it."""
SNAPSHOT_SECONDS = 600.0
"""Dead rows that are kept longer than this slow down claims."""
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
    """Everything to report. Counts of webhooks stop at `MAX_WEBHOOKS`.

    `unserved` are the fullest queues, at most `MAX_QUEUES`. `has_worker`: at least one is alive and claims.
    `schedules_late` is how many seconds the earliest tick is overdue, None if none is late.
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
    missing_partition: MissingPartition | None = None


async def current(conn: psycopg.AsyncConnection) -> Alerts:
    """All current alerts."""
    unserved = await find_unserved(conn)
    params = {
        "given_up": GIVEN_UP_SECONDS,
        "overdue": OVERDUE_SECONDS,
        "late": LATE_SECONDS,
        "most": MAX_WEBHOOKS,
    }
    row = await (await conn.execute(sql(_PACKAGE, "alerts"), params, prepare=True)).fetchone()
    assert row is not None
    has_worker, schedules_late, given_up, overdue, overdue_seconds, usernames = row
    return Alerts(
        unserved=unserved,
        has_worker=has_worker,
        schedules_late=schedules_late,
        webhooks_given_up=given_up,
        webhooks_overdue=overdue,
        overdue_seconds=overdue_seconds,
        old_snapshots=await find_old_snapshots(conn),
        default_passwords=usernames,
        missing_partition=await missing_partition(conn),
    )


async def find_unserved(conn: psycopg.AsyncConnection) -> list[UnservedQueue]:
    """Only `Alerts.unserved`."""
    cursor = await conn.execute(sql(_PACKAGE, "unserved_queues"), {"most": MAX_QUEUES}, prepare=True)
    return [UnservedQueue(*row) for row in await cursor.fetchall()]


async def missing_partition(conn: psycopg.AsyncConnection) -> MissingPartition | None:
    """This week or the next, if it has no partition."""
    row = await (await conn.execute(sql(_PACKAGE, "missing_partition"), prepare=True)).fetchone()
    return MissingPartition(*row) if row else None


async def schedules_late(conn: psycopg.AsyncConnection) -> float | None:
    """Only `Alerts.schedules_late`."""
    params = {"late": LATE_SECONDS}
    row = await (await conn.execute(sql(_PACKAGE, "schedules_late"), params, prepare=True)).fetchone()
    return None if row is None else row[0]


async def find_old_snapshots(
    conn: psycopg.AsyncConnection,
    seconds: float = SNAPSHOT_SECONDS,
    transactions: int = SNAPSHOT_TRANSACTIONS,
) -> list[OldSnapshot]:
    """Snapshots over the age limits, the oldest of each kind, as far as the database lets us see them."""
    params = {"seconds": seconds, "transactions": transactions}
    cursor = await conn.execute(sql(_PACKAGE, "old_snapshots"), params, prepare=True)
    return [OldSnapshot(*row) for row in await cursor.fetchall()]

"""What a person must see, as data: what nobody does, runs, delivers or fires, and what slows everything."""

import msgspec
import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.figures"

MOST_QUEUES = 20
MOST_WEBHOOKS = 1000
GIVEN_UP_SECONDS = 24 * 3600.0
"""Webhooks that were given up are told of for so long."""
OVERDUE_SECONDS = 60.0
"""Webhooks that wait longer are delivered by nobody."""
LATE_SECONDS = 30.0
"""Ticks of schedules that wait longer are dealt with by nobody."""
SNAPSHOT_SECONDS = 600.0
"""Dead rows that are kept for longer slow down claims."""
SNAPSHOT_TRANSACTIONS = 10_000_000
"""The same of a replication slot, which has no time."""


class UnservedQueue(msgspec.Struct, frozen=True):
    """A queue that is not paused, in which something is ready and no worker claims.

    `waiting` counts delayed tasks, too; the first in line waits for `seconds`. `has_quiet_worker`: there are workers
    for it, told to claim nothing.
    """

    queue_name: str
    waiting: int
    seconds: float | None
    has_quiet_worker: bool


class OldSnapshot(msgspec.Struct, frozen=True):
    """Who keeps dead rows from being cleaned away: a session, a prepared transaction or a replication slot.

    `name` is the session's application. `seconds` is None for a slot, `transactions` for the others.
    """

    kind: str
    name: str
    pid: int | None
    seconds: float | None
    transactions: int | None


class UnmadeWeek(msgspec.Struct, frozen=True):
    """A week without a partition of its own, by the date of its Monday; its tasks are in the default partition.

    Too many of them to be moved while others wait, or nobody was able to make it. `default_bytes` is what the default
    partitions hold of all weeks.
    """

    monday: str
    default_bytes: int


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to tell; numbers of webhooks are at most `MOST_WEBHOOKS`.

    `unserved` are the fullest, `MOST_QUEUES` at the most. `has_worker`: one is alive and claims.
    `schedules_late` is for how many seconds the first tick has been due, None where none is late.
    `overdue_seconds` is how long the webhook that waits longest has been due.
    """

    unserved: list[UnservedQueue]
    has_worker: bool
    schedules_late: float | None
    webhooks_given_up: int
    webhooks_overdue: int
    overdue_seconds: float | None
    old_snapshots: list[OldSnapshot]
    default_passwords: list[str]
    unmade_week: UnmadeWeek | None = None


async def look(conn: psycopg.AsyncConnection) -> Alerts:
    """All that there is to tell now."""
    cursor = await conn.execute(sql(_PACKAGE, "unserved_queues"), {"most": MOST_QUEUES}, prepare=True)
    unserved = [UnservedQueue(*row) for row in await cursor.fetchall()]
    params = {
        "given_up": GIVEN_UP_SECONDS,
        "overdue": OVERDUE_SECONDS,
        "late": LATE_SECONDS,
        "most": MOST_WEBHOOKS,
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
        unmade_week=await unmade_week(conn),
    )


async def unmade_week(conn: psycopg.AsyncConnection) -> UnmadeWeek | None:
    """This week or the next, if it has no partition."""
    row = await (await conn.execute(sql(_PACKAGE, "unmade_week"), prepare=True)).fetchone()
    return UnmadeWeek(*row) if row else None


async def schedules_late(conn: psycopg.AsyncConnection) -> float | None:
    """That one alone."""
    params = {"late": LATE_SECONDS}
    row = await (await conn.execute(sql(_PACKAGE, "schedules_late"), params, prepare=True)).fetchone()
    return None if row is None else row[0]


async def find_old_snapshots(
    conn: psycopg.AsyncConnection,
    seconds: float = SNAPSHOT_SECONDS,
    transactions: int = SNAPSHOT_TRANSACTIONS,
) -> list[OldSnapshot]:
    """Snapshots older than so much, the oldest of each kind, as far as the database lets us see."""
    params = {"seconds": seconds, "transactions": transactions}
    cursor = await conn.execute(sql(_PACKAGE, "old_snapshots"), params, prepare=True)
    return [OldSnapshot(*row) for row in await cursor.fetchall()]

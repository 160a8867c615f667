"""Deleting tasks that ended long enough ago: one batch of ids at a time, or a whole week with its partitions.

Each is bounded, and safe to run twice and from anywhere. A week is dropped if all of its tasks may go, which is checked
and counted while nobody can write there; otherwise it stays. Default partitions rule out a concurrent detach, so
the drop locks both parents. It waits for that lock only as long as others may wait for it, and is tried again later.
"""

import logging
from contextlib import suppress

import msgspec
from psycopg import sql as psql

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.statements import sql
from lapinq_core.domain.tasks.retention import Retention
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks.bulk import FIRST, STEP_SETTINGS, STOPPED

_PACKAGE = "lapinq_core.upkeep"

BATCH = 1_000
COUNT_SECONDS = 10.0
"""How long counting a week may take. One that takes longer shrinks: its tasks are also deleted in batches."""
LOCK_SECONDS = 0.5

_WEEK_SETTINGS = psql.SQL("SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}").format(
    psql.Literal(f"{COUNT_SECONDS:g}s"), psql.Literal(f"{LOCK_SECONDS * 1000:.0f}ms")
)

log = logging.getLogger(__name__)


class DeletedBatch(msgspec.Struct, frozen=True):
    """How many tasks of a batch were deleted, and the id to continue after; None at the end."""

    deleted: int
    last: str | None


class Week(msgspec.Struct, frozen=True):
    """The week that begins on Monday `name` (YYYYMMDD), and whether it is gone."""

    name: str
    is_gone: bool


class Busy(msgspec.Struct, frozen=True):
    """Somebody else is creating or dropping partitions."""


async def delete_ended(
    conn: PooledConnection, status: Status, keep: int, after: str | None = None, limit: int = BATCH
) -> DeletedBatch | None:
    """Deletes tasks that ended as `status` at least `keep` seconds ago, among the next `limit` ids after `after`.

    None when it gave way to others or took too long, and changed nothing.
    """
    params = {"status": status.value, "keep": keep, "after": after or FIRST, "limit": limit}
    with suppress(*STOPPED):
        async with conn.transaction():
            await conn.execute(STEP_SETTINGS)
            row = await (await conn.execute(sql(_PACKAGE, "delete_ended"), params, prepare=False)).fetchone()
        assert row is not None
        deleted, looked, last = row
        return DeletedBatch(deleted, last if looked == limit else None)
    return None


async def drop_week(conn: PooledConnection, keep: Retention, after: str | None = None) -> Week | Busy | None:
    """Drops the next week after `after` (a name) that is old enough, if all of its tasks may go.

    None when there is none, and when some status is kept forever.
    """
    if keep.longest is None:
        return None
    async with conn.transaction():
        await conn.execute(_WEEK_SETTINGS)
        held = await (await conn.execute(sql(_PACKAGE, "hold_partitions"))).fetchone()
        if held != (True,):
            return Busy()
        params = {"after": after or "", "keep": keep.longest}
        row = await (await conn.execute(sql(_PACKAGE, "next_old_week"), params)).fetchone()
        if row is None:
            return None
        name, first, border = row
        try:
            async with conn.transaction():
                tasks = await _drop(
                    conn, name, {**msgspec.structs.asdict(keep), "lower": first, "upper": border}
                )
        except STOPPED as error:
            log.info("the week of %s stays for now: %s", name, error)
            return Week(name, is_gone=False)
    if tasks is not None:
        log.info("dropped the week of %s with %d tasks", name, tasks)
    return Week(name, tasks is not None)


async def _drop(conn: PooledConnection, name: str, params: dict[str, object]) -> int | None:
    """Drops a week and returns how many tasks it had; None if one of them must stay."""
    await conn.execute(_of_week("lock_week", name))
    row = await (await conn.execute(_of_week("uncount_week", name), params, prepare=False)).fetchone()
    assert row is not None
    may_go, tasks = row
    if not may_go:
        return None
    await conn.execute(_of_week("drop_week", name))
    return tasks


def _of_week(verb: str, week: str) -> psql.Composed:
    return psql.SQL(sql(_PACKAGE, verb)).format(
        tasks=psql.Identifier(f"lapinq_tasks_{week}"), attempts=psql.Identifier(f"lapinq_attempts_{week}")
    )

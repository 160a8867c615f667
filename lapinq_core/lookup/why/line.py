"""How many tasks are ahead of a ready task: in its queue, of its key, or by the turns of the keys."""

from typing import Any, LiteralString, NamedTuple

import msgspec
import psycopg
from psycopg import errors as pg

from lapinq_core.db.rows import maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.lookup.search.backward_scan import SETTINGS, SHOWING_SECONDS, set_limit

sql = sql_of(__name__)

MAX_AHEAD = 10_000
AHEAD_SECONDS = 0.02
"""Counting takes no longer."""


class Ahead(msgspec.Struct, frozen=True):
    """How many tasks are ahead, or more if capped; None if there was no time to count them, or nobody can tell.

    Of its key alone if it waits in a lane (`of_key`): tasks of other keys pass it while its own may not start.
    """

    count: int | None
    is_capped: bool = False
    of_key: bool = False


class QueuePosition(NamedTuple):
    """Where a ready task waits. `lane` is None without a key and limits."""

    queue: str
    rank: int
    seq: int
    lane: str | None
    is_governed: bool

    @property
    def key(self) -> str:
        """Empty without a key."""
        return "" if self.lane is None else self.lane.split("\x1f", 1)[0]

    @property
    def limits(self) -> list[str]:
        """The named limits that it takes from."""
        _, _, names = (self.lane or "").partition("\x1f")
        return names.split(",") if names else []


async def count_ahead(
    conn: psycopg.AsyncConnection, place: QueuePosition, *, is_strict: bool = False
) -> Ahead:
    """Those ahead of a task in its queue, or of its key if it waits in a lane; `is_strict`: whatever their priority.

    `conn` may be in a transaction.
    """
    params: dict[str, Any] = {"queue": place.queue, "rank": place.rank, "seq": place.seq}
    if place.lane is not None:
        params |= {"lane": place.lane, "key": place.key, "is_strict": is_strict and place.key != ""}
        row = await _counted(conn, "count_ahead_of_key", params)
        of_key = place.key != ""
        return Ahead(None, of_key=of_key) if row is None else _capped(row[0] or 0, of_key=of_key)
    row = await _counted(conn, "count_ahead", params)
    if row is None or (place.is_governed and not row[0]):
        return Ahead(None)  # those in lanes are ahead or not, by priority and by what holds them
    return _capped(row[0])


async def count_turns_ahead(conn: psycopg.AsyncConnection, place: QueuePosition, of_key: int) -> Ahead:
    """About how many tasks start before it in fair order, if this many tasks of its key are ahead."""
    params = {"queue": place.queue, "lane": place.lane, "key": place.key, "ahead": of_key}
    row = await _counted(conn, "count_turns_ahead", params)
    return Ahead(None) if row is None else _capped(row[0])


async def _counted(
    conn: psycopg.AsyncConnection, verb: LiteralString, params: dict[str, Any]
) -> tuple[Any, ...] | None:
    """The answer; None if it takes longer than a look may."""
    try:
        async with conn.transaction(force_rollback=True):  # with the limit, which is not for what follows
            await conn.execute(SETTINGS)
            await set_limit(conn, AHEAD_SECONDS)
            params = {**params, "most": MAX_AHEAD + 1}
            row = await maybe_row(conn, sql(verb), params, prepare=False)
            await set_limit(conn, SHOWING_SECONDS)  # a rollback that is cancelled leaves the transaction open
            return row
    except pg.QueryCanceled:
        return None


def _capped(count: int, *, of_key: bool = False) -> Ahead:
    return Ahead(min(count, MAX_AHEAD), count > MAX_AHEAD, of_key)

"""Named limits, which queues share, such as a GPU or an API's tokens per minute. Set, show, open, delete.

Each change has an audit entry in its transaction.
"""

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)

MAX_LIMITS = 1000
MAX_WAITING = 10_000
"""Maximum number of waiting tasks that are counted, for each queue and set of limits."""
_MAX_SETS = 1000
"""Pairs of a queue and a set of limits, of which waiting tasks are counted."""


class TooManyLimits(LapinqError):
    """The maximum number of named limits is reached."""


class NamedLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A named limit and its current use. Without a rate `tokens` is null.

    `running` tasks take from it now, and `waiting` ready tasks would; `waiting_is_capped` if there may be more. They
    are of `queues`. `closed_until` is set while a task has it closed. `next_start_at` is when it has units for the next
    task again; null if it has them now, or waits for a running task to end. `source` is the module that declares it.
    """

    name: str
    max_running: int | None
    rate: Rate | None
    running: int
    tokens: float | None
    closed_until: datetime | None
    next_start_at: datetime | None
    waiting: int
    waiting_is_capped: bool
    queues: list[str]
    created_at: datetime
    source: str | None


async def list_limits(conn: psycopg.AsyncConnection, queue: str | None = None) -> list[NamedLimit]:
    """All of them, or those that tasks of `queue` take from, by name."""
    return await _limits(conn, queue=queue)


async def get_limit(conn: psycopg.AsyncConnection, name: str) -> NamedLimit | None:
    """The limit; None for an unknown name."""
    return next(iter(await _limits(conn, name=name)), None)


async def set_limit(
    conn: psycopg.AsyncConnection, name: str, max_running: int | None, rate: Rate | None, *, by: Author
) -> tuple[bool, NamedLimit | None]:
    """Creates the limit or changes both rules; None means no rule. Changes take effect immediately, also for waiting
    tasks; running tasks are not affected. No audit entry is written if nothing changes.

    Returns whether it is new, and the limit. Raises `TooManyLimits`. The caller wakes workers after the commit.
    """
    async with conn.transaction():
        is_new = await put_limit(conn, name, max_running, rate, by=by)
    if is_new:
        await raise_fence(conn, name)
    return is_new, await get_limit(conn, name)


async def put_limit(
    conn: psycopg.AsyncConnection, name: str, max_running: int | None, rate: Rate | None, *, by: Author
) -> bool:
    """As `set_limit`, in the caller's transaction; whether it is new. After its commit, the caller raises the fence."""
    given = {"max_running": max_running, "rate": None if rate is None else msgspec.to_builtins(rate)}
    params = {**given, "name": name, "rate": None if rate is None else Jsonb(given["rate"])}
    if not await _exists(conn, name):
        await conn.execute(sql("clear_limit_news"), {"name": name})
    # A bucket that changes keeps what is left of it, which what tasks said since the last claim is part of.
    await conn.execute(sql("take_in_limit_news"), {"name": name})
    row = await maybe_row(conn, sql("set_limit"), params)
    is_new = row is not None and row[0]
    if is_new:
        await _check_room(conn)
    if row is not None:
        await conn.execute(sql("tell_limit_lanes"), {"name": name})
        await audit.record(conn, by.did("limit.set", name, given))
    return is_new


async def raise_fence(conn: psycopg.AsyncConnection, name: str) -> None:
    """After the commit of a new limit: claims that take from it wait for those that may not know it."""
    await conn.execute(sql("raise_fence_of_limit"), {"name": name})


async def open_limit(
    conn: psycopg.AsyncConnection, name: str, *, by: Author
) -> tuple[bool, NamedLimit | None]:
    """Opens a limit that a task has closed, before its time. Returns whether it was closed, and the limit; no audit
    entry is written if it was open. The caller wakes workers after the commit."""
    async with conn.transaction():
        was_closed = bool(await first_value(conn, sql("open_limit"), {"name": name}))
        if was_closed:
            await audit.record(conn, by.did("limit.open", name))
    return was_closed, await get_limit(conn, name)


async def delete_limit(conn: psycopg.AsyncConnection, name: str, *, by: Author) -> bool:
    """Deletes the limit; False for an unknown name. Tasks that take from it then start without it. The caller wakes
    workers after the commit."""
    async with conn.transaction():
        row = await maybe_row(conn, sql("delete_limit"), {"name": name})
        if row is not None:
            await conn.execute(sql("tell_limit_lanes"), {"name": name})
            await audit.record(conn, by.did("limit.delete", name))
    return row is not None


async def _exists(conn: psycopg.AsyncConnection, name: str) -> bool:
    return await first_value(conn, sql("count_limits"), {"name": name}) > 0


async def _check_room(conn: psycopg.AsyncConnection) -> None:
    if await first_value(conn, sql("count_limits"), {"name": None}) > MAX_LIMITS:
        raise TooManyLimits(f"there are {MAX_LIMITS:,} named limits already, as many as there may be")


async def _limits(
    conn: psycopg.AsyncConnection, *, name: str | None = None, queue: str | None = None
) -> list[NamedLimit]:
    params = {"name": name, "queue": queue, "most": MAX_WAITING, "most_sets": _MAX_SETS}
    rows = await all_rows(conn, sql("list_limits"), params)
    fields = NamedLimit.__struct_fields__
    return [_named(dict(zip(fields, row, strict=True))) for row in rows]


def _named(values: dict[str, Any]) -> NamedLimit:
    rate = values["rate"]
    values["rate"] = None if rate is None else Rate(**rate)
    return NamedLimit(**values)

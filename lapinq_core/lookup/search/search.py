"""Searches tasks by any filter, in a time that does not grow with the number of tasks.

Few filters have an index. So a search scans back from the newest task, a batch of ids at a time (`search_filters.py`),
each longer than the one before, until the page is full, nothing is left, or its time is up. Then it reports how far it
got, and its cursor continues from there. Ids ascend with time, so tasks that are enqueued during a search neither slow
it down nor appear twice.

While somebody holds an old snapshot, tables in which tasks come and go may be full of dead entries. A batch that gets
stuck in them is cancelled, and the search scans the table of all tasks instead.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import id_at
from lapinq_core.domain.tasks.shown_state import DELAYED, ShownState, states_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search.backward_scan import SETTINGS, SHOWING_SECONDS, BackwardScan, set_limit
from lapinq_core.lookup.search.counting import number_of
from lapinq_core.lookup.search.search_filters import first_query
from lapinq_core.tasks import inspect
from lapinq_core.tasks.filters import TaskFilter, in_states, is_void
from lapinq_core.tasks.inspect import TaskLine

sql = sql_of(__name__)

SEARCH_SECONDS = 0.03
"""How long a search scans. Loading the page takes a few milliseconds more."""
COUNT_SECONDS = 0.025
MAX_COUNTED = 10_000
INITIAL_WINDOW = 500
_FIRST = "00000000-0000-0000-0000-000000000000"
_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


T = TypeVar("T")
Load = Callable[[psycopg.AsyncConnection, list[str]], Awaitable[T]]
"""Reads the tasks with these ids."""


class TaskOrder(StrEnum):
    """What comes first. `LONGEST_RUNNING` shows only running tasks, `DUE` only delayed ones, whatever the status."""

    NEWEST = "newest"
    LONGEST_RUNNING = "longest running"
    DUE = "due first"


class Search(TaskFilter, frozen=True, kw_only=True):
    """What to search for, and in which order.

    `since` and `until` (exclusive) bound when a task was enqueued, by its id. `before` is the cursor of a page.
    """

    since: datetime | None = None
    until: datetime | None = None
    order: TaskOrder = TaskOrder.NEWEST


class Found(msgspec.Struct, frozen=True):
    """A page of tasks. `more` is the cursor of the next page, None if there is none.

    `looked_back_to` is set when time was up before the page was full: every task from the newest back to then was
    scanned. In other orders, which are read in one query, it is now: the query took too long.
    """

    tasks: list[TaskLine]
    more: str | None
    looked_back_to: datetime | None


class Count(msgspec.Struct, frozen=True):
    """How many tasks match; at least as many if `is_capped`, when counting stopped at the maximum."""

    number: int
    is_exact: bool
    is_capped: bool


def as_filter(chosen: Search) -> TaskFilter:
    """The same filter in the form that `bulk.py` takes: on all pages, in any order."""
    first, last = chosen.first, chosen.last
    if chosen.since is not None:
        first = max(first or _FIRST, str(_id_at(chosen.since)))
    if chosen.until is not None:
        last = min(last or _LAST, str(UUID(int=max(_id_at(chosen.until).int - 1, 0))))
    narrowed = TaskFilter(**{field: getattr(chosen, field) for field in TaskFilter.__struct_fields__})
    narrowed = msgspec.structs.replace(narrowed, first=first, last=last, before=None)
    match chosen.order:
        case TaskOrder.NEWEST:
            return narrowed
        case TaskOrder.LONGEST_RUNNING:
            return in_states(msgspec.structs.replace(narrowed, status=None), states_of(Status.RUNNING))
        case TaskOrder.DUE:
            return in_states(msgspec.structs.replace(narrowed, status=None), DELAYED)


async def search(
    conn: psycopg.AsyncConnection,
    chosen: Search,
    limit: int,
    *,
    seconds: float = SEARCH_SECONDS,
    window: int = INITIAL_WINDOW,
) -> Found:
    """The first `limit` matching tasks found in `seconds`; the first batch has `window` ids.

    `conn` is in no transaction. Raises `InvalidValue` for an invalid cursor.
    """
    narrowed = as_filter(chosen)
    if is_void(narrowed):
        return Found([], None, None)
    if chosen.order is not TaskOrder.NEWEST:
        query = first_query(narrowed, limit + 1, is_due=chosen.order is TaskOrder.DUE)
        return await _by_time(conn, query, narrowed, chosen.before, limit, seconds)
    narrowed = msgspec.structs.replace(narrowed, before=_read_id(chosen.before))
    scan = BackwardScan(narrowed, limit + 1, limit + 1, window, seconds)
    lines = await run_scan(conn, scan, limit, inspect.task_lines)
    if scan.matched > limit:
        return Found(lines, scan.ids[limit - 1], None)
    if scan.is_over:
        return Found(lines, None, None)
    reached = scan.before or _LAST
    return Found(lines, reached, _time_of(reached))


async def count(
    conn: psycopg.AsyncConnection,
    chosen: Search,
    cap: int = MAX_COUNTED,
    *,
    seconds: float = COUNT_SECONDS,
    window: int = INITIAL_WINDOW,
) -> Count:
    """How many tasks match on all pages: exact if filtered by queue and status only, else up to `cap`."""
    narrowed = as_filter(chosen)
    if is_void(narrowed):
        return Count(0, is_exact=True, is_capped=False)
    if _is_counted(narrowed):
        number = await number_of(conn, narrowed, narrowed.statuses)
        return Count(number, is_exact=True, is_capped=False)
    scan = BackwardScan(narrowed, cap + 1, 0, window, seconds)
    try:
        async with _limited(conn):
            await scan.run(conn)
    except pg.QueryCanceled:
        await _by_all_tasks(conn, scan)
    is_capped = scan.matched > cap
    return Count(min(scan.matched, cap), scan.is_over and not is_capped, is_capped)


async def schedules_of(conn: psycopg.AsyncConnection, ids: list[str]) -> dict[str, str]:
    """The names of the schedules that enqueued these tasks, by task id."""
    return dict(await all_rows(conn, sql("schedules_of"), {"ids": ids}, prepare=True))


async def run_scan(conn: psycopg.AsyncConnection, scan: BackwardScan, limit: int, load: Load[T]) -> T:
    """Runs the scan; returns what `load` makes of the first `limit` ids found, from the same snapshot."""
    try:
        async with _limited(conn):
            ids = await scan.run(conn)
            return await load(conn, ids[:limit])
    except pg.QueryCanceled:
        await _by_all_tasks(conn, scan)
        return await load(conn, scan.ids[:limit])


@asynccontextmanager
async def _limited(conn: psycopg.AsyncConnection) -> AsyncGenerator[None]:
    """A transaction with the settings of a scan. After `QueryCanceled` the connection is in none.

    A limit that passes just as its statement ends cancels the next one. If that is the COMMIT, psycopg leaves the
    failed transaction open.
    """
    try:
        async with conn.transaction():
            await conn.execute(SETTINGS)
            yield
    except pg.QueryCanceled:
        await conn.rollback()
        raise


async def _by_all_tasks(conn: psycopg.AsyncConnection, scan: BackwardScan) -> None:
    with suppress(pg.QueryCanceled):
        async with _limited(conn):
            await scan.run_over_all_tasks(conn)


async def _by_time(
    conn: psycopg.AsyncConnection,
    query: psql.Composed,
    chosen: TaskFilter,
    cursor: str | None,
    limit: int,
    seconds: float,
) -> Found:
    start, start_id = _read_start(cursor)
    params = {**msgspec.structs.asdict(chosen), "start": start, "start_id": start_id}
    try:
        async with _limited(conn):
            await set_limit(conn, seconds)
            rows = await all_rows(conn, query, params, prepare=False)
            await set_limit(conn, SHOWING_SECONDS)
            lines = {
                line.id: line for line in await inspect.task_lines(conn, [row[0] for row in rows[:limit]])
            }
    except pg.QueryCanceled:
        return Found([], None, datetime.now(UTC))
    last, started = rows[limit - 1] if len(rows) > limit else (None, None)
    shown = [lines[row[0]] for row in rows[:limit] if row[0] in lines]
    return Found(shown, f"{started.isoformat()}|{last}" if started else None, None)


def _is_counted(chosen: TaskFilter) -> bool:
    """Whether the counts by queue and status give the exact number."""
    plain = msgspec.structs.replace(chosen, queue=None, queues=None, status=None, states=None)
    whole = frozenset[ShownState]().union(*map(states_of, chosen.statuses))
    is_one_way = chosen.queue is None or chosen.queues is None
    return plain == TaskFilter() and is_one_way and chosen.states in {None, whole}


def _read_id(cursor: str | None) -> str | None:
    try:
        return None if cursor is None else str(UUID(cursor))
    except ValueError:
        raise _wrong_cursor() from None


def _read_start(cursor: str | None) -> tuple[datetime | None, str | None]:
    if cursor is None:
        return None, None
    started, _, task_id = cursor.partition("|")
    try:
        start = datetime.fromisoformat(started)
    except ValueError:
        raise _wrong_cursor() from None
    if start.tzinfo is None:
        raise _wrong_cursor()
    return start, _read_id(task_id)


def _wrong_cursor() -> InvalidValue:
    return InvalidValue("cursor", "must come from an earlier page")


def _id_at(when: datetime) -> UUID:
    return id_at(min(max(int(when.timestamp() * 1000), 0), 2**48 - 1))


def _time_of(task_id: str) -> datetime:
    """When a task was enqueued, by its id; now, if the id lies in the future."""
    seconds = (UUID(task_id).int >> 80) / 1000
    return datetime.fromtimestamp(min(seconds, time.time()), UTC)

"""Finding tasks by whatever a person asks for, in a time that does not grow with what there is.

Few filters have an index. So a search walks back from the newest task, a window of ids at a time (`search_filters.py`),
each longer than the one before, until the page is full, nothing is left, or its time is up: then it says how far it
came, and its cursor goes on from there. Ids are made in the order of time, so tasks that are enqueued meanwhile are
neither in the way nor shown twice.

Tables in which tasks come and go may be full of entries that are dead and not yet cleaned away, while somebody holds an
old snapshot. A window that gets stuck in them is given up, and the search goes by the table of all tasks instead.
"""

import time
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
import psycopg
from psycopg import errors as pg

from lapinq_core.db.statements import sql
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import id_at
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.backward_scan import SETTINGS, SHOWING_SECONDS, BackwardScan, set_limit
from lapinq_core.lookup.search_filters import pick_longest
from lapinq_core.tasks import inspect
from lapinq_core.tasks.filters import OF_THE_END, TaskFilter, given
from lapinq_core.tasks.inspect import TaskLine

_PACKAGE = "lapinq_core.lookup"

SEARCH_SECONDS = 0.04
"""How long a search looks; what a page takes besides is a few milliseconds."""
COUNT_SECONDS = 0.03
MOST_COUNTED = 10_000
FIRST_WINDOW = 500
_FIRST = "00000000-0000-0000-0000-000000000000"
_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class TaskOrder(StrEnum):
    """What stands first. Only running tasks are there by the start of their attempts, whatever status is asked for."""

    NEWEST = "newest"
    LONGEST_RUNNING = "longest running"


class Search(TaskFilter, frozen=True, kw_only=True):
    """What is looked for, and in which order.

    `since` and `until`, which is excluded, are when a task was enqueued, as its id tells. `before` is the cursor that a
    page came with.
    """

    since: datetime | None = None
    until: datetime | None = None
    order: TaskOrder = TaskOrder.NEWEST


class Found(msgspec.Struct, frozen=True):
    """A page of tasks. `more` is the cursor to go on with, None where there is nothing more to look at.

    `looked_back_to` is there when the time was up before the page was full: to where from the newest task on all were
    looked at. Of the longest running, which are looked at together, it is now: they could not be told in time.
    """

    tasks: list[TaskLine]
    more: str | None
    looked_back_to: datetime | None


class Count(msgspec.Struct, frozen=True):
    """How many pass; at least so many, where it is not exact: `is_capped` when counting stopped at the most."""

    number: int
    is_exact: bool
    is_capped: bool


def as_filter(chosen: Search) -> TaskFilter:
    """What passes, as the verbs of `bulk.py` take it: on all pages, in whatever order."""
    first, last = chosen.first, chosen.last
    if chosen.since is not None:
        first = max(first or _FIRST, str(_id_at(chosen.since)))
    if chosen.until is not None:
        last = min(last or _LAST, str(UUID(int=max(_id_at(chosen.until).int - 1, 0))))
    status = Status.RUNNING if chosen.order is TaskOrder.LONGEST_RUNNING else chosen.status
    narrowed = TaskFilter(**{field: getattr(chosen, field) for field in TaskFilter.__struct_fields__})
    return msgspec.structs.replace(narrowed, first=first, last=last, before=None, status=status)


async def search(
    conn: psycopg.AsyncConnection,
    chosen: Search,
    limit: int,
    *,
    seconds: float = SEARCH_SECONDS,
    window: int = FIRST_WINDOW,
) -> Found:
    """The first `limit` tasks that pass, of those that can be found in `seconds`; the first window has `window` ids.

    `conn` is in no transaction. Raises `InvalidValue` for a cursor that was not ours.
    """
    narrowed = as_filter(chosen)
    if _is_void(narrowed):
        return Found([], None, None)
    if chosen.order is TaskOrder.LONGEST_RUNNING:
        return await _longest_running(conn, narrowed, chosen.before, limit, seconds)
    narrowed = msgspec.structs.replace(narrowed, before=_read_id(chosen.before))
    walk = BackwardScan(narrowed, limit + 1, limit + 1, window, seconds)
    try:
        async with conn.transaction():
            await conn.execute(SETTINGS)
            ids = await walk.run(conn)
            lines = await inspect.task_lines(conn, ids[:limit])
    except pg.QueryCanceled:
        lines = await _by_all_tasks(conn, walk, limit)
    if walk.passed > limit:
        return Found(lines, walk.ids[limit - 1], None)
    if walk.is_over:
        return Found(lines, None, None)
    reached = walk.before or _LAST
    return Found(lines, reached, _time_of(reached))


async def count(
    conn: psycopg.AsyncConnection,
    chosen: Search,
    cap: int = MOST_COUNTED,
    *,
    seconds: float = COUNT_SECONDS,
    window: int = FIRST_WINDOW,
) -> Count:
    """How many pass on all pages: exact where a queue, a status or nothing is asked for, else up to `cap`."""
    narrowed = as_filter(chosen)
    if _is_void(narrowed):
        return Count(0, is_exact=True, is_capped=False)
    if narrowed == TaskFilter(queue=narrowed.queue, status=narrowed.status):
        return Count(await _count_exactly(conn, narrowed), is_exact=True, is_capped=False)
    walk = BackwardScan(narrowed, cap + 1, 0, window, seconds)
    try:
        async with conn.transaction():
            await conn.execute(SETTINGS)
            await walk.run(conn)
    except pg.QueryCanceled:
        await _by_all_tasks(conn, walk, 0)
    is_capped = walk.passed > cap
    return Count(min(walk.passed, cap), walk.is_over and not is_capped, is_capped)


async def _by_all_tasks(conn: psycopg.AsyncConnection, walk: BackwardScan, limit: int) -> list[TaskLine]:
    with suppress(pg.QueryCanceled):
        async with conn.transaction():
            await conn.execute(SETTINGS)
            await walk.run_over_all_tasks(conn)
    return await inspect.task_lines(conn, walk.ids[:limit])


async def _longest_running(
    conn: psycopg.AsyncConnection, chosen: TaskFilter, cursor: str | None, limit: int, seconds: float
) -> Found:
    start, start_id = _read_start(cursor)
    query = pick_longest(chosen, limit + 1)
    params = {**msgspec.structs.asdict(chosen), "start": start, "start_id": start_id}
    try:
        async with conn.transaction():
            await conn.execute(SETTINGS)
            await set_limit(conn, seconds)
            rows = await (await conn.execute(query, params, prepare=False)).fetchall()
            await set_limit(conn, SHOWING_SECONDS)
            lines = {
                line.id: line for line in await inspect.task_lines(conn, [row[0] for row in rows[:limit]])
            }
    except pg.QueryCanceled:
        return Found([], None, datetime.now(UTC))
    last, started = rows[limit - 1] if len(rows) > limit else (None, None)
    shown = [lines[row[0]] for row in rows[:limit] if row[0] in lines]
    return Found(shown, f"{started.isoformat()}|{last}" if started else None, None)


async def _count_exactly(conn: psycopg.AsyncConnection, chosen: TaskFilter) -> int:
    params = {"queue": chosen.queue}
    row = await (await conn.execute(sql(_PACKAGE, "count_statuses"), params, prepare=True)).fetchone()
    assert row is not None
    counted = dict(zip(Status, row, strict=True))
    return sum(counted.values()) if chosen.status is None else counted[chosen.status]


def _is_void(chosen: TaskFilter) -> bool:
    """Whether nothing can pass: what has not ended has no result, what waits no worker."""
    has_end = bool(given(chosen, OF_THE_END))
    match chosen.status:
        case Status.PENDING:
            return has_end or chosen.worker is not None
        case Status.RUNNING:
            return has_end
        case _:
            return False


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
    return InvalidValue("cursor", "must be what a page came with")


def _id_at(when: datetime) -> UUID:
    return id_at(min(max(int(when.timestamp() * 1000), 0), 2**48 - 1))


def _time_of(task_id: str) -> datetime:
    """When a task was enqueued, as its id tells; now, where no clock tells so."""
    seconds = (UUID(task_id).int >> 80) / 1000
    return datetime.fromtimestamp(min(seconds, time.time()), UTC)

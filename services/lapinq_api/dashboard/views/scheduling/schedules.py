"""The schedules: their next run, their latest runs, and whether they are paused."""

from typing import Any

import msgspec
import psycopg

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.operations.filters.schedule import cursor_after_name, read_after, read_filter
from lapinq_api.operations.paging import DEFAULT_LIMIT
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.queue_filter import Readable, narrowed
from lapinq_core.domain.schedules.schedule import ScheduleState
from lapinq_core.figures import alerts
from lapinq_core.schedules import schedules, ticks
from lapinq_core.schedules.schedules import Schedule, ScheduleFilter
from lapinq_core.schedules.ticks import Tick
from lapinq_core.tasks.queues import MAX_REASON

TICKS_SHOWN = 20


class ScheduleRow(msgspec.Struct, frozen=True):
    """A schedule with its latest ticks, newest first."""

    schedule: Schedule
    ticks: list[Tick]


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    chosen, after = narrowed(read_filter(address.query), readable), read_after(address.query)
    lines, last, late = await state.database.scan(_read, chosen, after)
    return {
        "lines": lines,
        "late": late if readable is None else None,  # it may be that of any queue
        "states": list(ScheduleState),
        "filters": address.query,
        "links": page_links(address.query, None if last is None else cursor_after_name(last)),
        "max_reason": MAX_REASON,
        "may": Permission,
    }


async def _read(
    conn: psycopg.AsyncConnection, chosen: ScheduleFilter, after: str | None
) -> tuple[list[ScheduleRow], str | None, float | None]:
    """The page, the cursor of the next one, and the seconds since an unhandled tick was due."""
    found, last = await schedules.list_schedules(conn, chosen, DEFAULT_LIMIT, after)
    history = await ticks.list_ticks(conn, [one.id for one in found], TICKS_SHOWN)
    return [ScheduleRow(one, history[one.id]) for one in found], last, await alerts.schedules_late(conn)


VIEW = View(
    path="/schedules",
    template="schedules.html",
    here="schedules",
    load=load,
    is_narrowed=True,
    parts=("schedules-late", "schedules-list"),
    is_list=True,
    parameters=frozenset({"name", "queue", "state", CURSOR}),
)

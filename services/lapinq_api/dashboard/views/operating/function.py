"""One task name: how often its tasks run, fail and how long they take, in which queues and on which workers."""

from typing import Any

import psycopg

from lapinq_api.batching.long_windows import LongWindows
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts import rule_fields
from lapinq_api.dashboard.parts.tiles import tiles_of_task
from lapinq_api.dashboard.views.operating.overview import window_of
from lapinq_api.state import State
from lapinq_core.db.snapshot import snapshot
from lapinq_core.domain.figures import Window
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.error_groups import trends
from lapinq_core.figures import task_rollups
from lapinq_core.fleet import operators
from lapinq_core.limits.breakers import get_named_breaker
from lapinq_core.lookup import slowest


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    window, name = window_of(address), address.query.get("name", "")
    check_name("name", name)
    return {
        "name": name,
        "window": window,
        "windows": list(Window),
        **await state.database.scan(_read, state.long_windows, name, window, readable),
    }


async def _read(
    conn: psycopg.AsyncConnection, long: LongWindows, name: str, window: Window, readable: Readable
) -> dict[str, Any]:
    async with snapshot(conn):
        # It counts the failures of all queues.
        breaker = await get_named_breaker(conn, name) if readable is None else None
        series = await long.read(task_rollups.series, conn, window, name, readable)
        return {
            "series": series,
            "tiles": tiles_of_task(series),
            "places": await long.read(task_rollups.of_task, conn, window, name, readable),
            "registered": await operators.find_registered(conn, name, readable),
            "groups": await trends.top(conn, window.seconds, readable=readable, task_name=name),
            "slowest": await long.read(slowest.of_task, conn, window, name, readable),
            "breaker": breaker,
            "breaker_values": rule_fields.of_breaker(breaker),
            "breaker_defaults": rule_fields.BREAKER_DEFAULTS,
        }


VIEW = View(
    path="/function",
    template="function.html",
    here="functions",
    load=load,
    is_narrowed=True,
    parts=(
        "function-breaker",
        "function-tiles",
        "function-charts",
        "function-queues",
        "overview-errors",
        "slowest",
        "function-code",
    ),
    parameters=frozenset({"name", "window"}),
)

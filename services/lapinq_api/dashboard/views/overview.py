"""The overview: what needs attention, and what happens in all queues. Everything comes from one snapshot."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_api.batching.long_windows import LongWindows
from lapinq_api.dashboard.page.sorting import sorting
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.tiles import tiles_of
from lapinq_api.state import State
from lapinq_core.db.snapshot import snapshot
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.figures import Window
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.error_groups import trends
from lapinq_core.figures import alerts, levels, rollups, task_rollups
from lapinq_core.figures.task_rollups import Task, Usual
from lapinq_core.lookup import measure, overview
from lapinq_core.lookup.overview import QueueNow, RunningNow

NOW_MINUTES = 5
"""The table of queues shows rates of this many minutes, for any window."""
MAX_NEWEST = 5_000
MAX_RUNNING = 5


class QueueRow(msgspec.Struct, frozen=True):
    """A queue in the table. `since` is when its first task in line became ready; `line` is its last hour."""

    queue: QueueNow
    since: datetime | None
    line: list[int] | None

    @property
    def entering(self) -> float:
        """Tasks enqueued per minute."""
        return self.queue.rates.enqueued * 60

    @property
    def done(self) -> float:
        """Tasks that completed or failed for good, per minute."""
        return (self.queue.rates.completed + self.queue.rates.failed) * 60


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    window = window_of(address)
    order = sorting(address.query, {name: name != "name" for name in _COLUMNS}, "name")
    found = await state.database.scan(_read, state.long_windows, window, readable)
    by_name = sorted(found["lines"], key=_COLUMNS["name"])
    return {
        **found,
        "window": window,
        "windows": list(Window),
        "order": order,
        "sort": address.query.get("sort"),
        "lines": sorted(by_name, key=_COLUMNS[order.by], reverse=order.is_descending),
    }


def window_of(address: PageAddress) -> Window:
    """The window that is asked for. Raises `InvalidValue`."""
    text = address.query.get("window", Window.HOUR)
    if text not in set(Window):
        raise InvalidValue("window", f"must be one of {', '.join(Window)}")
    return Window(text)


async def _read(
    conn: psycopg.AsyncConnection, long: LongWindows, window: Window, readable: Readable
) -> dict[str, Any]:
    async with snapshot(conn):
        now = await overview.read(conn, NOW_MINUTES, readable=readable, max_newest=MAX_NEWEST)
        names = [queue.queue_name for queue in now.queues]
        since = await measure.waiting_since(conn, [queue.queue_name for queue in now.queues if queue.pending])
        history = await rollups.sparklines(conn, names)
        series = await long.read(rollups.series, conn, window, readable)
        levels_seen = await levels.series(conn, window, readable)
        told = await alerts.current(conn, readable)
        running, usual = now.running[:MAX_RUNNING], await usual_of(conn, now.running[:MAX_RUNNING])
        groups = await trends.top(conn, window.seconds, readable=readable)
    return {
        "seen": now,
        "lines": [
            QueueRow(queue, since.get(queue.queue_name), history.get(queue.queue_name))
            for queue in now.queues
        ],
        "oldest": min(since.values(), default=None),
        "series": series,
        "tiles": tiles_of(series, levels_seen, now.ready, now.totals["running"]),
        "alerts": told,
        "groups": groups,
        "running": running,
        "usual": usual,
    }


async def usual_of(conn: psycopg.AsyncConnection, running: Sequence[RunningNow]) -> dict[Task, Usual]:
    """How long tasks like these usually run."""
    return await task_rollups.usual(
        conn, {(each.queue_name, each.task_name) for each in running if each.task_name is not None}
    )


_COLUMNS: dict[str, Callable[[QueueRow], Any]] = {
    "name": lambda line: line.queue.queue_name,
    "ready": lambda line: line.queue.pending if line.queue.ready is None else line.queue.ready,
    "running": lambda line: line.queue.running,
    "oldest": lambda line: line.queue.oldest_ready_seconds or 0.0,
    "in": lambda line: line.entering,
    "done": lambda line: line.done,
    "failures": lambda line: line.queue.failure_share or 0.0,
}
"""Those that the table can be sorted by; equals stand by name."""

VIEW = View(
    path="/",
    template="overview.html",
    here="overview",
    load=load,
    is_narrowed=True,
    parts=(
        "overview-alerts",
        "overview-tiles",
        "overview-queues",
        "overview-charts",
        "overview-errors",
        "overview-running",
    ),
    parameters=frozenset({"window", "sort"}),
)

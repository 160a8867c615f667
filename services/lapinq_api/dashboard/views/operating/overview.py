"""The overview: what needs attention, and what happens in all queues.

What it shows of now is read for all who look within `BRIEF_SECONDS`, whatever window and order they chose; what needs
attention beside the rest.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import psycopg

from lapinq_api.batching.long_windows import BRIEF_SECONDS, LongWindows
from lapinq_api.dashboard.page.sorting import Sorting, sorting
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.tiles import tiles_of
from lapinq_api.state import State
from lapinq_core.db.snapshot import snapshot
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.figures import Window
from lapinq_core.domain.limits.breaker import BreakerState
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.error_groups import trends
from lapinq_core.error_groups.trends import TopGroup
from lapinq_core.figures import alerts, levels, rollups, task_rollups
from lapinq_core.figures.alerts import Alerts
from lapinq_core.figures.task_rollups import Task, Usual
from lapinq_core.lookup import overview
from lapinq_core.lookup.overview import QueueNow, RunningNow

NOW_MINUTES = 5
"""The table of queues shows rates of this many minutes, for any window."""
MAX_NEWEST = 5_000
MAX_RUNNING = 5
SPARKLINES_KEPT = 30.0
"""Seconds: they end at the last complete minute."""
USUAL_KEPT = 60.0
"""Seconds, for what was usual in the last day."""
MAX_LINES = 15
"""So many queues have all their figures; of the others the table tells what waits, and folds idle ones."""


class QueueRow(msgspec.Struct, frozen=True):
    """A queue in the table."""

    queue: QueueNow

    @property
    def entering(self) -> float:
        """Tasks enqueued per minute."""
        return self.queue.rates.enqueued * 60

    @property
    def done(self) -> float:
        """Tasks that completed or failed for good, per minute."""
        return (self.queue.rates.completed + self.queue.rates.failed) * 60

    @property
    def ready(self) -> int:
        """With delayed ones if nobody can tell them apart."""
        return self.queue.pending if self.queue.ready is None else self.queue.ready

    @property
    def is_unserved(self) -> bool:
        return self.ready > 0 and not self.queue.has_worker and not self.queue.is_paused

    @property
    def has_open_breaker(self) -> bool:
        return self.queue.breaker_state not in {None, BreakerState.CLOSED}

    @property
    def attention(self) -> tuple[int, int]:
        """How much it needs: by what is wrong, then by how many digits the number of ready tasks has. So the order does
        not change with every task."""
        wrong = (self.queue.is_paused, self.queue.is_growing, self.has_open_breaker, self.is_unserved)
        worst = max((place for place, is_so in enumerate(wrong, 1) if is_so), default=0)
        return worst, len(str(self.ready)) if self.ready else 0

    @property
    def is_idle(self) -> bool:
        """Nothing is wrong, is ready, runs or happened lately."""
        return self.attention == (0, 0) and not (self.queue.running or self.entering or self.done)


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    window = window_of(address)
    order = sorting(address.query, {name: name != "name" for name in _COLUMNS}, "-attention")
    scan, long = state.database.scan, state.long_windows
    found, (told, groups) = await asyncio.gather(
        scan(_read, long, window, order, readable), scan(_read_troubles, long, window, readable)
    )
    return {
        **found,
        "alerts": told,
        "groups": groups,
        "window": window,
        "windows": list(Window),
        "order": order,
        "sort": address.query.get("sort"),
    }


def window_of(address: PageAddress) -> Window:
    """The window that is asked for. Raises `InvalidValue`."""
    text = address.query.get("window", Window.HOUR)
    if text not in set(Window):
        raise InvalidValue("window", f"must be one of {', '.join(Window)}")
    return Window(text)


async def _read(
    conn: psycopg.AsyncConnection, long: LongWindows, window: Window, order: Sorting, readable: Readable
) -> dict[str, Any]:
    async with snapshot(conn):
        now = await long.hold(
            BRIEF_SECONDS, overview.read, conn, NOW_MINUTES, readable=readable, max_newest=MAX_NEWEST
        )
        lines, brief, idle = _parted([QueueRow(queue) for queue in now.queues], order)
        shown = frozenset(line.queue.queue_name for line in lines)
        history = await long.hold(SPARKLINES_KEPT, rollups.sparklines, conn, shown)
        series = await long.read(rollups.series, conn, window, readable)
        levels_seen = await levels.series(conn, window, readable)
        running, usual = now.running[:MAX_RUNNING], await usual_of(conn, long, now.running[:MAX_RUNNING])
    return {
        "seen": now,
        "lines": lines,
        "brief": brief,
        "idle": idle,
        "history": history,
        "oldest": min((queue.waiting_since for queue in now.queues if queue.waiting_since), default=None),
        "series": series,
        "tiles": tiles_of(series, levels_seen, now.ready, now.totals["running"]),
        "running": running,
        "usual": usual,
    }


async def _read_troubles(
    conn: psycopg.AsyncConnection, long: LongWindows, window: Window, readable: Readable
) -> tuple[Alerts, list[TopGroup]]:
    told = await long.hold(BRIEF_SECONDS, _current_alerts, conn, readable)
    return told, await long.hold(BRIEF_SECONDS, trends.top, conn, window.seconds, readable=readable)


async def _current_alerts(conn: psycopg.AsyncConnection, readable: Readable) -> Alerts:
    async with snapshot(conn):
        return await alerts.current(conn, readable)


def _parted(
    rows: Sequence[QueueRow], order: Sorting
) -> tuple[list[QueueRow], list[QueueRow], list[QueueRow]]:
    """In the order that is asked for: the first ones, further ones, and those that are idle, if there are many."""
    by_name = sorted(rows, key=_COLUMNS["name"])
    ordered = sorted(by_name, key=_COLUMNS[order.by], reverse=order.is_descending)
    if len(ordered) <= MAX_LINES:
        return ordered, [], []
    busy = [row for row in ordered if not row.is_idle]
    return busy[:MAX_LINES], busy[MAX_LINES:], [row for row in ordered if row.is_idle]


async def usual_of(
    conn: psycopg.AsyncConnection, long: LongWindows, running: Sequence[RunningNow]
) -> dict[Task, Usual]:
    """How long tasks like these usually run."""
    tasks = frozenset((each.queue_name, each.task_name) for each in running if each.task_name is not None)
    return await long.hold(USUAL_KEPT, task_rollups.usual, conn, tasks)


_COLUMNS: dict[str, Callable[[QueueRow], Any]] = {
    "name": lambda line: line.queue.queue_name,
    "ready": lambda line: line.ready,
    "running": lambda line: line.queue.running,
    "oldest": lambda line: line.queue.oldest_ready_seconds or 0.0,
    "in": lambda line: line.entering,
    "done": lambda line: line.done,
    "failures": lambda line: line.queue.failure_share or 0.0,
    "attention": lambda line: line.attention,
}
"""What the table can be sorted by; equals stand by name."""

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

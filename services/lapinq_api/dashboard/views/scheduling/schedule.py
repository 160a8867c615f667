"""One schedule: its definition and policies, its next runs, and its history."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.schedule_path import read_name, unknown_schedule
from lapinq_api.dashboard.parts.task_page.payload import Payload, value_of
from lapinq_api.operations.paging import DEFAULT_LIMIT, wrong_cursor
from lapinq_api.state import State
from lapinq_core.domain.cron.local_time import read_timezone
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.domain.schedules.preview import PlannedTime, next_times
from lapinq_core.domain.schedules.schedule import when
from lapinq_core.figures.alerts import LATE_SECONDS
from lapinq_core.fleet import operators
from lapinq_core.fleet.operators import Function
from lapinq_core.schedules import schedules, ticks
from lapinq_core.schedules.schedules import Schedule
from lapinq_core.schedules.ticks import Tick
from lapinq_core.tasks.queues import MAX_REASON

RUNS_SHOWN = 5


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    name = read_name(address.params)
    before = _read_cursor(address.query.get(CURSOR))
    found = await state.database.scan(_read, name, before)
    if found is None:
        raise unknown_schedule()
    schedule, history, limits, function = found
    if not includes(readable, schedule.queue_name):
        raise unknown_schedule()
    now = datetime.now(UTC)
    shown = history[:DEFAULT_LIMIT]
    more = shown[-1].fire_at.astimezone(UTC).isoformat() if len(history) > DEFAULT_LIMIT else None
    return {
        "schedule": schedule,
        "workers_limits": limits,
        "late": late_by(schedule, now),
        "runs": await asyncio.to_thread(runs_of, schedule, now),
        "ticks": shown,
        "links": page_links(address.query, more),
        "payload": Payload(
            schedule.queue_name,
            {field: value_of(getattr(schedule, field)) for field in ("args", "kwargs", "metadata")},
            function.positional,
        ),
        "retry_delays": function.retry_delays,
        "max_reason": MAX_REASON,
    }


async def _read(
    conn: psycopg.AsyncConnection, name: str, before: datetime | None
) -> tuple[Schedule, list[Tick], list[float], Function] | None:
    """The schedule, its history, the time limits of workers for its tasks, and what is known of its function."""
    schedule = await schedules.get_schedule(conn, name)
    if schedule is None:
        return None
    history = await ticks.list_ticks(conn, [schedule.id], DEFAULT_LIMIT + 1, before)
    limits = (
        await operators.time_limits(conn, schedule.queue_name) if schedule.timeout_seconds is None else []
    )
    function = await operators.find_function(
        conn, schedule.task_name, schedule.module_path, schedule.queue_name
    )
    return schedule, history[schedule.id], limits, function


def late_by(schedule: Schedule, now: datetime) -> float | None:
    """Seconds since an unhandled tick was due; None if none is late."""
    if schedule.next_fire_at is None:
        return None
    seconds = (now - schedule.next_fire_at).total_seconds()
    return seconds if seconds > LATE_SECONDS else None


def runs_of(schedule: Schedule, now: datetime) -> list[PlannedTime]:
    """The next planned times, even if the schedule is paused; none if this machine can't compute them."""
    try:
        times, zone = when(schedule, schedule.anchor_at), read_timezone(schedule.timezone)
    except InvalidValue:
        return []
    return next_times(times, (schedule.next_fire_at or now) - datetime.resolution, RUNS_SHOWN, zone)


def _read_cursor(text: str | None) -> datetime | None:
    """The planned time before which a page of the history begins. Raises `InvalidValue`."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong_cursor() from None


VIEW = View(
    path="/schedules/{name}",
    template="schedule.html",
    here="schedules",
    load=load,
    is_narrowed=True,
    parts=("schedule-head", "schedule-runs", "schedule-ticks", "schedule-payload", "schedule-facts"),
    parameters=frozenset({CURSOR}),
)

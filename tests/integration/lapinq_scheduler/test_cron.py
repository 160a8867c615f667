"""Who fires schedules: hears of changes, outlives an absent database, and stops."""

import time
from asyncio import Event, TaskGroup
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from lapinq_core.db.notify import ready_notices
from lapinq_core.db.rows import first_value, maybe_row
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.settings import load_settings
from lapinq_core.schedules import firing, schedules
from lapinq_scheduler.cron import run_cron
from tests.support.database import ready_channels
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually_async
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete
from tests.support.rows.schedules import add_schedule, task_ids, ticks


@asynccontextmanager
async def running(url: str) -> AsyncGenerator[tuple[Conn, Metrics]]:
    """Somebody who fires the schedules of the database, with a long sleep between two looks, and listens by now."""
    stop, metrics = Event(), Metrics()
    settings = load_settings({}, database_url=url, scheduler_interval=3600.0)
    async with await Conn.open(url) as conn, TaskGroup() as group:
        group.create_task(run_cron(settings, stop, metrics))

        async def is_listening() -> bool:
            listening = (
                "SELECT FROM pg_stat_activity WHERE application_name = 'lapinq-cron-listener'"
                " AND datname = current_database() AND query NOT LIKE 'LISTEN%'"
            )
            return await maybe_row(conn, listening) is not None

        try:
            await eventually_async(is_listening)
            yield conn, metrics
        finally:
            stop.set()


async def enough(conn: Conn, count: int) -> bool:
    return len(await ticks(conn)) >= count


async def test_it_hears_of_what_changes_fires_on_time_wakes_workers_and_stops_at_once(database: str) -> None:
    async with running(database) as (conn, metrics):

        async def is_level() -> bool:
            seen = Scraped(metrics.text()[0].decode())
            return seen.value("lapinq_chore_lag_seconds", part="cron", chore="fire schedules") == 0

        await eventually_async(is_level)
        await conn.execute(ready_channels.LISTEN)
        await add_schedule(conn, every="1s", queue_name="video")
        heard = [ready_notices.read(note.payload) async for note in conn.notifies(timeout=10, stop_after=1)]
        assert {notice.queue for notice in heard} == {"video"}
        await schedules.pause(conn, "nightly", None, by=SOMEBODY)
        before = len(await ticks(conn))
        await schedules.resume(conn, "nightly", by=SOMEBODY)
        await eventually_async(lambda: enough(conn, before + 2))
        assert await first_value(
            conn, "SELECT max(fired_at - fire_at) < interval '1 second' FROM lapinq_ticks"
        )
        text = metrics.text()[0].decode()
        assert 'lapinq_schedule_ticks_total{outcome="enqueued"}' in text
        assert "lapinq_schedule_lateness_seconds_count" in text
        began = time.monotonic()
    assert time.monotonic() - began < 3.0


async def test_a_held_tick_runs_soon_after_the_run_before_has_ended(database: str) -> None:
    async with running(database) as (conn, _):
        await add_schedule(conn, cron="0 0 1 1 *", overlap="queue_one")
        first, _ = await firing.run_now(conn, "nightly", by=SOMEBODY)
        second, _ = await firing.run_now(conn, "nightly", by=SOMEBODY)
        assert (first.outcome, second.outcome) == ("enqueued", "held")
        await complete(conn, await claim(conn, await add_worker(conn)))

        async def has_both() -> bool:
            return len(await task_ids(conn)) == 2

        await eventually_async(has_both)


async def test_neither_cut_connections_nor_a_schedule_that_can_not_be_worked_out_hold_it_up(
    database: str,
) -> None:
    async with running(database) as (conn, _):
        await add_schedule(conn, "broken", cron="* * * * * *")
        await add_schedule(conn, every="1s")
        await conn.execute("UPDATE lapinq_schedules SET timezone = 'Mars/Olympus' WHERE name = 'broken'")
        await eventually_async(lambda: enough(conn, 2))
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'lapinq-cron%'"
        )
        before = len(await ticks(conn))
        await eventually_async(lambda: enough(conn, before + 2), 20)

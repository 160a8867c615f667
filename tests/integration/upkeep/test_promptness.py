"""Delayed tasks become ready when they fall due, told of or not, and who tells is told once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from lapinq_core.db.notify.channels import DELAYED_CHANNEL, SOON_SECONDS
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import make_pool
from lapinq_core.db.rows import maybe_row
from lapinq_core.intake.enqueueing import Taken, take_in
from lapinq_core.monitoring.loop_times import LoopTimes
from lapinq_core.runtime.settings import Settings
from lapinq_core.tasks.due_notices import DueTimer, announce, delayed_notifier
from lapinq_core.upkeep import maintenance
from lapinq_core.upkeep.maintenance import run_maintenance
from lapinq_scheduler.scheduler import embedded_scheduler
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn, enqueue, new_task


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def is_ready(conn: Conn, task: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await maybe_row(conn, "SELECT FROM lapinq_ready WHERE id = %s", [task]) is not None

    return look


@pytest.fixture
def rare_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes delayed tasks ready looks once an hour, unless something tells of one."""
    monkeypatch.setattr(maintenance, "PROMOTE_INTERVAL_SECONDS", 3600.0)


@asynccontextmanager
async def upkeep_running(database: str, due_timer: DueTimer | None) -> AsyncGenerator[LoopTimes]:
    stop, times = asyncio.Event(), LoopTimes("test")
    async with make_pool(database, "test", 4, timeout=5) as pool:
        running = asyncio.create_task(
            run_maintenance(pool, Notifier(pool), stop, times, cleanup_interval=0, due_timer=due_timer)
        )
        try:
            yield times
        finally:
            stop.set()
            await running


async def test_storing_tells_when_the_first_of_the_delayed_ones_is_due(conn: Conn) -> None:
    assert await take_in(conn, [new_task()]) == Taken({"default"})
    assert await take_in(conn, []) == Taken()
    tasks = [new_task(scheduled_at=later(n), queue_name="q") for n in (50, 20, 30)]
    taken = await take_in(conn, sorted([*tasks, new_task(ttl_seconds=0)], key=lambda task: task.id))
    assert taken.queues == {"default"}
    assert taken.due_in is not None
    assert 15 < taken.due_in <= 20


@pytest.mark.usefixtures("rare_looks")
async def test_a_task_that_falls_due_between_two_looks_is_ready_when_it_is_told_of(
    database: str, conn: Conn
) -> None:
    due_timer = DueTimer()
    async with upkeep_running(database, due_timer):
        (first,) = await enqueue(conn, scheduled_at=later(0.3))
        due_timer.fire_in(0.3)
        await eventually_async(is_ready(conn, first))
        (second,) = await enqueue(conn, scheduled_at=later(0.1))
        due_timer.heard("")
        await eventually_async(is_ready(conn, second))


async def test_a_task_that_nobody_tells_of_is_ready_after_the_next_look(database: str, conn: Conn) -> None:
    async with upkeep_running(database, None):
        (task,) = await enqueue(conn, scheduled_at=later(0.1))
        await eventually_async(is_ready(conn, task))


@pytest.mark.usefixtures("rare_looks")
async def test_a_scheduler_hears_of_what_another_process_stored(database: str, conn: Conn) -> None:
    settings = Settings(database_url=database)
    async with make_pool(database, "test", 1, timeout=5) as pool, embedded_scheduler(settings):
        delayed = delayed_notifier(pool)
        telling = asyncio.create_task(delayed.run())
        for seconds in (0.05, 0.4):
            # Before it listens it looks at all there is, and finds this one by itself.
            taken = await take_in(conn, [task := new_task(scheduled_at=later(seconds))])
            announce(delayed, taken.due_in)
            await eventually_async(is_ready(conn, task.id))
        telling.cancel()
        await asyncio.wait([telling])


async def test_only_what_is_due_soon_is_told_and_the_soonest_of_it(database: str, conn: Conn) -> None:
    await conn.execute(f"LISTEN {DELAYED_CHANNEL}")
    async with make_pool(database, "test", 1, timeout=5) as pool:
        delayed = delayed_notifier(pool)
        announce(delayed, None)
        announce(delayed, SOON_SECONDS + 0.1)
        for seconds in (0.9, 0.5, 0.7):
            announce(delayed, seconds)
        telling = asyncio.create_task(delayed.run())
        (note,) = [note async for note in conn.notifies(timeout=5, stop_after=1)]
        assert 0 < float(note.payload) <= 0.5
        telling.cancel()
        await asyncio.wait([telling])
        assert [note async for note in conn.notifies(timeout=0)] == []

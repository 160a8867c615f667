"""A tick or a run by hand meets a run that has not ended: it is skipped, waits, or ends that run."""

import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.schedules import firing, schedules
from lapinq_core.schedules.firing import StillRuns
from lapinq_core.schedules.schedules import UnknownSchedule
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, status
from tests.support.rows.schedules import add_schedule, set_clock, task_ids, ticks


async def made(conn: Conn, overlap: str) -> None:
    """At noon somebody makes a schedule that fires each minute."""
    await set_clock(conn, "2026-03-02 12:00:00+00")
    await add_schedule(conn, overlap=overlap)


async def fired(conn: Conn, *minutes: int) -> list[str]:
    """What became of all ticks so far, after those at these minutes past noon."""
    for minute in minutes:
        await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
        await firing.fire_due(conn)
    return [outcome for _, outcome in await ticks(conn)]


async def end_all(conn: Conn) -> None:
    """Whatever is ready runs and completes."""
    await complete(conn, await claim(conn, await add_worker(conn), 100))


async def test_a_tick_that_meets_a_run_is_skipped_until_it_has_ended(conn: Conn) -> None:
    await made(conn, "skip")
    await fired(conn, 1, 2)
    await end_all(conn)
    assert await fired(conn, 3) == ["enqueued", "skipped", "enqueued"]
    assert len(await task_ids(conn)) == 2


async def test_one_tick_waits_for_a_run_and_further_ones_are_skipped(conn: Conn) -> None:
    await made(conn, "queue_one")
    assert await fired(conn, 1, 2, 3) == ["enqueued", "held", "skipped"]
    assert await firing.release_held(conn) == set()
    assert (await firing.look_ahead(conn)).has_held
    await end_all(conn)
    # A run by hand is refused while a tick that waited is about to start.
    await set_clock(conn, "2026-03-02 12:03:10+00")
    with pytest.raises(StillRuns, match="about to start") as refused:
        await firing.run_now(conn, "nightly", by=SOMEBODY)
    assert refused.value.task_id is None
    assert await firing.release_held(conn) == {"default"}
    assert await fired(conn) == ["enqueued", "enqueued", "skipped"]
    assert len(await task_ids(conn)) == 2
    assert await firing.release_held(conn) == set()
    await check_rows(conn, [])


async def test_the_previous_run_is_cancelled_and_the_tick_waits_for_its_end(conn: Conn) -> None:
    await made(conn, "cancel_previous")
    await fired(conn, 1)
    [held] = await claim(conn, await add_worker(conn))
    assert await fired(conn, 2, 3) == ["enqueued", "skipped", "held"]
    assert await all_rows(conn, "SELECT cancel_requested_at IS NOT NULL FROM lapinq_running") == [(True,)]
    assert await firing.release_held(conn) == set()
    await complete(conn, [held])
    assert await firing.release_held(conn) == {"default"}
    # One that waits ends at once.
    assert await fired(conn, 4) == ["enqueued", "skipped", "enqueued", "held"]
    assert await firing.release_held(conn) == {"default"}
    found = [await status(conn, task) for task in await task_ids(conn)]
    assert found == ["completed", "cancelled", "pending"]
    await check_rows(conn, [])


async def test_a_held_tick_of_a_paused_schedule_is_skipped(conn: Conn) -> None:
    await made(conn, "queue_one")
    await fired(conn, 1, 2)
    await schedules.pause(conn, "nightly", None, by=SOMEBODY)
    await end_all(conn)
    assert await firing.release_held(conn) == set()
    assert await fired(conn) == ["enqueued", "skipped"]


async def test_a_run_can_be_asked_for(conn: Conn) -> None:
    await made(conn, "skip")
    await schedules.pause(conn, "nightly", None, by=SOMEBODY)
    tick, woken = await firing.run_now(conn, "nightly", by=SOMEBODY)
    assert (tick.outcome, woken) == ("enqueued", {"default"})
    assert await task_ids(conn) == [tick.task_id]
    await set_clock(conn, "2026-03-02 12:00:10+00")
    with pytest.raises(StillRuns, match=str(tick.task_id)):
        await firing.run_now(conn, "nightly", by=SOMEBODY)
    assert len(await ticks(conn)) == 1
    with pytest.raises(UnknownSchedule):
        await firing.run_now(conn, "weekly", by=SOMEBODY)

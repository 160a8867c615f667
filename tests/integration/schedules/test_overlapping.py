"""A tick or a run by hand meets a run that has not ended: it is skipped, waits, or ends that run."""

import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.schedules import firing, schedules
from lapinq_core.schedules.firing import StillRuns
from lapinq_core.schedules.schedules import UnknownSchedule
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, status
from tests.support.rows.schedules import add_schedule, set_clock, task_ids, ticks

NOON = "2026-03-02 12:00:00+00"


async def end_all(conn: Conn) -> None:
    """Whatever is ready runs and completes."""
    await complete(conn, await claim(conn, await add_worker(conn), 100))


async def test_a_tick_that_meets_a_run_is_skipped_until_it_has_ended(conn: Conn) -> None:
    await set_clock(conn, NOON)
    await add_schedule(conn, overlap="skip")
    for minute in (1, 2):
        await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
        await firing.fire_due(conn)
    await end_all(conn)
    await set_clock(conn, "2026-03-02 12:03:00+00")
    await firing.fire_due(conn)
    assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "skipped", "enqueued"]
    assert len(await task_ids(conn)) == 2


async def test_one_tick_waits_for_a_run_and_further_ones_are_skipped(conn: Conn) -> None:
    await set_clock(conn, NOON)
    await add_schedule(conn, overlap="queue_one")
    for minute in (1, 2, 3):
        await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
        await firing.fire_due(conn)
    assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "held", "skipped"]
    assert await firing.release_held(conn) == set()
    assert (await firing.look_ahead(conn)).has_held
    await end_all(conn)
    assert await firing.release_held(conn) == {"default"}
    assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "enqueued", "skipped"]
    assert len(await task_ids(conn)) == 2
    assert await firing.release_held(conn) == set()
    await check_rows(conn, [])


async def test_the_previous_run_is_cancelled_and_the_tick_waits_for_its_end(conn: Conn) -> None:
    await set_clock(conn, NOON)
    await add_schedule(conn, overlap="cancel_previous")
    await set_clock(conn, "2026-03-02 12:01:00+00")
    await firing.fire_due(conn)
    [held] = await claim(conn, await add_worker(conn))
    for minute in (2, 3):
        await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
        await firing.fire_due(conn)
    assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "skipped", "held"]
    assert await all_rows(conn, "SELECT cancel_requested_at IS NOT NULL FROM lapinq_running") == [(True,)]
    assert await firing.release_held(conn) == set()
    await complete(conn, [held])
    assert await firing.release_held(conn) == {"default"}
    assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "skipped", "enqueued"]
    # One that waits ends at once.
    await set_clock(conn, "2026-03-02 12:04:00+00")
    await firing.fire_due(conn)
    assert await firing.release_held(conn) == {"default"}
    assert [await status(conn, task) for task in await task_ids(conn)] == [
        "completed",
        "cancelled",
        "pending",
    ]
    await check_rows(conn, [])


async def test_a_held_tick_of_a_paused_schedule_is_skipped(conn: Conn) -> None:
    await set_clock(conn, NOON)
    await add_schedule(conn, overlap="queue_one")
    for minute in (1, 2):
        await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
        await firing.fire_due(conn)
    await schedules.pause(conn, "nightly", None, by=SOMEBODY)
    await end_all(conn)
    assert await firing.release_held(conn) == set()
    assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "skipped"]


async def test_a_run_can_be_asked_for(conn: Conn) -> None:
    await set_clock(conn, NOON)
    await add_schedule(conn, overlap="skip")
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


async def test_a_run_is_refused_while_a_tick_that_waited_is_about_to_start(conn: Conn) -> None:
    await set_clock(conn, NOON)
    await add_schedule(conn, overlap="queue_one")
    for minute in (1, 2):
        await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
        await firing.fire_due(conn)
    await end_all(conn)
    await set_clock(conn, "2026-03-02 12:02:10+00")
    with pytest.raises(StillRuns, match="about to start") as refused:
        await firing.run_now(conn, "nightly", by=SOMEBODY)
    assert refused.value.task_id is None
    assert await firing.release_held(conn) == {"default"}
    assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "enqueued"]

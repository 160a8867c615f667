"""A worker among others: its beats, its death, its second life, and the tasks of those that died."""

# pyright: reportPrivateUsage=false

from pathlib import Path
from typing import Any

import pytest

from lapinq_core.db.rows import maybe_row
from lapinq_core.upkeep import rescuing
from tests.integration.lapinq_worker.desk import Desk, Gate, task_of, until, working
from tests.support.database.invariants import check_rows
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually_async
from tests.support.rows.factories import add_worker, claim, make_late
from tests.support.rows.rescue import ANY_TIME
from tests.support.sample import tasks
from tests.support.sample.starts import starts

THE_LIVING = "SELECT count(*) FROM lapinq_workers WHERE dead_at IS NULL"
CLAIMS_WAIT = """
CREATE FUNCTION test_wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN new; END $$;
CREATE TRIGGER test_wait BEFORE INSERT ON lapinq_running FOR EACH ROW EXECUTE FUNCTION test_wait();
SELECT pg_advisory_lock(1)
"""


async def declare_dead(desk: Desk) -> None:
    """What a worker that is calm does when this one has been silent for a lease; before it hears of that itself."""
    async with desk.conn.transaction():
        await desk.conn.execute("UPDATE lapinq_workers SET dead_at = lapinq_now() WHERE dead_at IS NULL")
        await rescuing.rescue(desk.conn, ANY_TIME, 0.5)


async def test_it_says_who_it_is_and_beats_while_the_event_loop_is_busy_and_while_it_stops(
    desk: Desk, gate: Gate
) -> None:
    values: dict[str, Any] = {
        "worker_name": "box-7",
        "worker_queues": ("default=2", "video"),
        "worker_concurrency": 3,
        "lease_seconds": 1.0,
        "shutdown_grace": 60,
    }
    async with desk.working(**values) as worker:
        await desk.until("SELECT count(*) = 1 FROM lapinq_workers")
        assert await maybe_row(
            desk.conn, "SELECT name, queues, pool, concurrency, lease_seconds FROM lapinq_workers"
        ) == ("box-7", ["default", "video"], "processes", 3, 1.0)
        (ended,) = await desk.ended(await desk.hand_in(tasks.abusy, 1.3, max_retries=0))
        assert ended.status == "completed"
        assert await desk.value(THE_LIVING) == 1
        task = await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        worker.stop()
        stopped = await desk.value("SELECT beat_at FROM lapinq_workers")
        await desk.until(
            "SELECT beat_at > %s::timestamptz + interval '1 second' FROM lapinq_workers", stopped
        )
        gate.open()
        # Leaving the context stops the worker a second time, which would hand it back.
        await desk.has_status("completed", task)


async def test_what_it_was_claiming_when_it_was_declared_dead_is_left_to_others(
    desk: Desk, tmp_path: Path
) -> None:
    async with desk.working() as worker:
        # What has to be imported would start so late that the worker could know by then that it lost the task.
        await desk.ended(await desk.hand_in(tasks.amark, str(tmp_path), "imported"))
        await desk.conn.execute(CLAIMS_WAIT)
        before = worker._membership.id
        task = await desk.hand_in(tasks.amark, str(tmp_path), "x")
        await desk.until("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        await declare_dead(desk)
        # In its new life it may start tasks, so only their claim keeps this one from it.
        await until(lambda: worker._membership.id != before and worker._membership.is_current)
        await desk.conn.execute("SELECT pg_advisory_unlock(1)")
        await eventually_async(lambda: rescuing.rescue(desk.conn, ANY_TIME, 0.5))
        (ended,) = await desk.ended(task)
    assert (ended.status, ended.attempts) == ("completed", 2)
    assert starts(tmp_path) == {"imported": 1, "x": 1}


async def test_declared_dead_it_begins_anew_each_time_and_its_late_results_are_refused(
    desk: Desk, gate: Gate
) -> None:
    async with desk.working() as worker:
        coroutine = await desk.hand_in(tasks.await_at, gate.path)
        plain = await desk.hand_in(tasks.wait_at, gate.path)
        await gate.begun(2)
        await declare_dead(desk)
        await until(lambda: worker._settler.lost_count == 2)
        await desk.until(THE_LIVING)
        # Useful again: it takes up what was taken from it.
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1), await desk.hand_in(tasks.add, 1, 1))
        gate.open()
        ended = await desk.ended(coroutine, plain)
        await declare_dead(desk)
        await desk.until("SELECT count(*) = 3 FROM lapinq_workers")
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
    assert [(task.status, task.attempts) for task in ended] == [("completed", 2)] * 2
    first, last = await desk.attempts(coroutine)
    assert first.error is not None
    assert first.error.startswith("worker ")
    assert (first.final, last.final) == (False, True)
    assert await desk.value("SELECT count(*) FROM lapinq_workers WHERE dead_at IS NOT NULL") == 2
    await check_rows(desk.conn, [coroutine, plain])


async def test_declared_dead_it_drops_what_it_has_claimed_ahead(desk: Desk, tmp_path: Path) -> None:
    ids = await desk.hand_in_many([task_of(tasks.amark, str(tmp_path), str(n)) for n in range(200)])
    async with desk.working(worker_concurrency=20):
        await desk.until("SELECT count(*) > 40 FROM lapinq_attempts")
        await declare_dead(desk)
        ended = await desk.ended(*ids)
    assert {task.status for task in ended} == {"completed"}
    await check_rows(desk.conn, ids)
    # A start that is not counted would be one of a task that was still waiting in the old life.
    recorded = {task.id: task.attempts for task in ended}
    assert all(count <= recorded[ids[int(name)]] for name, count in starts(tmp_path).items())


async def test_declared_dead_while_it_stops_it_ends(desk: Desk, gate: Gate) -> None:
    async with desk.ending(shutdown_grace=60) as worker:
        task = await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        worker.stop()
        await declare_dead(desk)
    assert await desk.status(task) == "pending"
    assert await desk.value(THE_LIVING) == 0


async def test_tasks_of_a_dead_worker_are_taken_over_once_it_is_calm(desk: Desk) -> None:
    (task,) = await desk.hand_in_many([task_of(tasks.aadd, 1, 1)])
    dead = await add_worker(desk.conn, lease_seconds=2.0)
    await claim(desk.conn, dead)
    await make_late(desk.conn, dead)
    async with desk.working() as worker:
        (ended,) = await desk.ended(task)
        assert worker._rescuer.rescued_count == 1
        # Not before a lease of good beats.
        assert await desk.value(
            "SELECT a.finished_at - w.started_at > interval '1.9 seconds'"
            " FROM lapinq_attempts a, lapinq_workers w WHERE NOT a.final AND w.dead_at IS NULL"
        )
    assert (ended.status, ended.attempts) == ("completed", 2)


async def test_a_lease_in_doubt_starts_nothing_and_is_back_with_the_database(
    desk: Desk, tmp_path: Path
) -> None:
    with proxy(desk.url) as way:
        async with working(way.url, lease_seconds=1.0) as worker:
            await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
            assert worker.why_not_ready() is None
            way.cut()
            await until(lambda: not worker._may_start())
            assert worker.why_not_ready() == "the database has not confirmed lately that it lives"
            task = await desk.hand_in(tasks.amark, str(tmp_path), "x")
            way.heal()
            (ended,) = await desk.ended(task)
            assert ended.attempts == 1
            await until(lambda: worker.why_not_ready() is None)
        assert worker.why_not_ready() == "it is stopping"


async def test_a_registration_whose_answer_was_lost_is_repeated(desk: Desk) -> None:
    async with desk.ending() as worker:
        await add_worker(desk.conn, id=worker._membership.id)  # what the lost statement did
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
        worker.stop()


@pytest.mark.parametrize("pool", ["threads", "processes"])
async def test_declared_dead_the_starts_of_what_it_ran_are_spent(
    desk: Desk, tmp_path: Path, pool: str
) -> None:
    """Also where it writes their ends before anybody has rescued them."""
    gate = tmp_path / "gate"
    async with desk.working(worker_pool=pool):
        ids = [
            await desk.hand_in(function, str(tmp_path), function.__name__, str(gate))
            for function in (tasks.amark_until, tasks.mark_until)
        ]
        for count in (1, 2):
            await until(lambda count=count: list(starts(tmp_path).values()) == [count] * 2)
            if count == 1:
                await desk.conn.execute("UPDATE lapinq_workers SET dead_at = lapinq_now()")
        gate.touch()
        for task in await desk.ended(*ids):
            assert (task.status, task.attempts) == ("completed", 2)

"""What a worker tells of itself, and that it does what it is asked: claims nothing, goes on, ends."""

# pyright: reportPrivateUsage=false

import sys
import uuid
from pathlib import Path

import pytest

from lapinq_core.domain.worker import WorkerRequest, WorkerState
from lapinq_core.fleet import operators
from lapinq_core.fleet.operators import WorkerDetails
from lapinq_worker.claiming import inbox as inbox_module
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.desk import Desk, Gate, task_of, until
from tests.support.database.invariants import check_rows
from tests.support.eventually import eventually_async
from tests.support.rows.factories import SOMEBODY, claim
from tests.support.sample import tasks
from tests.support.sample.starts import starts

ENDLESS_SECONDS = 60.0
ENDLESS = "tests.support.sample.endless_module"
BEAT_SINCE = "SELECT beat_at > %s::timestamptz + %s * interval '1 second' FROM lapinq_workers"


async def seen(desk: Desk, worker: Worker) -> WorkerDetails | None:
    return await operators.get_worker(desk.conn, worker._membership.id)


async def is_in(desk: Desk, worker: Worker, state: WorkerState) -> WorkerDetails:
    """The worker, once its state is that."""

    async def look() -> WorkerDetails | None:
        found = await seen(desk, worker)
        return found if found and found.state is state else None

    found = await eventually_async(look)
    assert found is not None
    return found


async def ask(desk: Desk, worker: Worker, request: WorkerRequest | None) -> None:
    await until(lambda: worker._membership.is_member)
    await operators.request(desk.conn, worker._membership.id, request, by=SOMEBODY)


async def quieted(desk: Desk, worker: Worker) -> None:
    await ask(desk, worker, WorkerRequest.QUIET)
    await is_in(desk, worker, WorkerState.QUIET)


async def beats_on(desk: Desk, seconds: float) -> None:
    """Returns once a worker has beaten for so long from now on."""
    now = await desk.value("SELECT beat_at FROM lapinq_workers")
    await desk.until(BEAT_SINCE, now, seconds)


async def test_it_tells_how_it_is_before_its_first_interval_is_over(desk: Desk) -> None:
    async with desk.working(heartbeat_interval=ENDLESS_SECONDS, lease_seconds=3 * ENDLESS_SECONDS):
        await desk.until("SELECT memory_bytes > 10000000 AND running = 0 AND rate = 0 FROM lapinq_workers")


async def test_it_tells_of_its_memory_its_time_limit_and_of_what_runs_and_ends(
    desk: Desk, gate: Gate
) -> None:
    async with desk.working(worker_timeout=77.0) as worker:
        await desk.until("SELECT memory_bytes IS NOT NULL FROM lapinq_workers")
        alone = await desk.value("SELECT memory_bytes FROM lapinq_workers")
        await desk.hand_in_many([task_of(tasks.wait_at, gate.path) for _ in range(2)])
        await gate.begun(2)
        # Two children of more than ten megabytes each.
        await desk.until("SELECT running = 2 AND memory_bytes > %s FROM lapinq_workers", alone + 20_000_000)
        found = await is_in(desk, worker, WorkerState.ALIVE)
        assert found.timeout_seconds == 77
        assert found.task_count == 2
        assert {task.task_name for task in found.tasks} == {"wait_at"}
        gate.open()
        await desk.until("SELECT rate > 0 FROM lapinq_workers")
        await desk.until("SELECT running = 0 AND rate = 0 FROM lapinq_workers")


async def test_quiet_it_claims_nothing_lets_what_runs_end_and_goes_on_when_it_is_told(
    desk: Desk, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    # So that only a wake-up makes it look.
    async with desk.working(worker_poll_interval=1.0) as worker:
        running = await desk.hand_in(tasks.wait_at, gate.path)
        await gate.begun()
        await quieted(desk, worker)
        waiting = await desk.hand_in_many([task_of(tasks.aadd, 1, 1) for _ in range(5)])
        claimed = worker._inbox.claimed_count
        gate.open()
        (ended,) = await desk.ended(running)
        assert (ended.status, ended.attempts) == ("completed", 1)
        await beats_on(desk, 1.2)
        await desk.has_status("pending", *waiting)
        assert worker._inbox.claimed_count == claimed
        await ask(desk, worker, None)
        await is_in(desk, worker, WorkerState.ALIVE)
        await desk.ended(*waiting)
        await quieted(desk, worker)
        # What was asked does not hold for the life after.
        first = worker._membership.id
        await desk.conn.execute("UPDATE lapinq_workers SET dead_at = lapinq_now()")
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
        assert worker._membership.id != first
        assert (await is_in(desk, worker, WorkerState.ALIVE)).asked_to is None
    assert "lisa asked this worker to claim nothing more" in caplog.text
    assert "lisa asked this worker to claim tasks again" in caplog.text


async def test_quiet_it_hands_back_what_it_claimed_ahead(
    desk: Desk, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "STALL_SECONDS", ENDLESS_SECONDS)
    running = await desk.hand_in(tasks.await_at, gate.path)
    async with desk.working(worker_concurrency=1, worker_poll_interval=ENDLESS_SECONDS) as worker:
        await gate.begun()
        ahead = await desk.hand_in_many([task_of(tasks.aadd, 1, 1) for _ in range(3)])
        token = str(uuid.uuid4())
        await claim(desk.conn, worker._membership.id, 3, token=token)
        worker._unanswered.sent(token)
        worker._fetcher.heard("")
        await until(lambda: len(worker._dispatcher.waiting) == 3)
        await quieted(desk, worker)
        await desk.has_status("pending", *ahead)
        assert await desk.status(running) == "running"
        async with desk.working(worker_concurrency=1):
            assert {task.attempts for task in await desk.ended(*ahead)} == {1}
        gate.open()
        await desk.ended(running)
    await check_rows(desk.conn, [running, *ahead])


async def test_quiet_it_hands_back_what_is_being_imported_but_fire_and_forget(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_ENDLESS_IMPORT", str(tmp_path / "imported"))
    monkeypatch.delitem(sys.modules, ENDLESS, raising=False)

    async with desk.working() as worker:
        endless = {"module_path": ENDLESS, "task_name": "f"}
        await desk.hand_in_many(
            [task_of(tasks.aadd, **endless), task_of(tasks.aadd, **endless, ttl_seconds=0)]
        )
        await until(lambda: worker._inbox._arrivals.waiting == 2)
        await quieted(desk, worker)
        await desk.until("SELECT count(*) = 1 FROM lapinq_ready")
        assert worker._inbox._arrivals.waiting == 1
        assert worker._dispatcher.ended_count == 0
        (tmp_path / "imported").touch()
        await until(lambda: worker._dispatcher.ended_count == 1)


async def test_others_take_what_a_quiet_worker_leaves(desk: Desk, tmp_path: Path) -> None:
    async with desk.working(worker_name="quiet") as quiet, desk.working(worker_name="other"):
        ids = await desk.hand_in_many([task_of(tasks.amark, str(tmp_path), str(n), 0.02) for n in range(200)])
        await until(lambda: len(starts(tmp_path)) > 20)
        await quieted(desk, quiet)
        claimed = quiet._inbox.claimed_count
        ended = await desk.ended(*ids)
        assert quiet._inbox.claimed_count == claimed
    assert {(task.status, task.attempts) for task in ended} == {("completed", 1)}
    assert set(starts(tmp_path).values()) == {1}
    await check_rows(desk.conn, ids)


async def test_asked_to_stop_it_drains_and_ends(
    desk: Desk, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with desk.ending(worker_concurrency=1) as worker:
        running = await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        (waiting,) = await desk.hand_in_many([task_of(tasks.aadd, 1, 1)])
        await ask(desk, worker, WorkerRequest.STOP)
        await until(lambda: worker._stop.is_set())
        found = await is_in(desk, worker, WorkerState.STOPPING)
        assert found.asked_by == "lisa"
        # A signal that comes then does not hurry it.
        worker.stop()
        assert not worker._insisted.is_set()
        await desk.until("SELECT is_quiet FROM lapinq_workers")
        gate.open()
    assert worker.is_dismissed
    assert (await desk.status(running), await desk.status(waiting)) == ("completed", "pending")
    assert await seen(desk, worker) is None
    assert "lisa asked this worker to stop" in caplog.text


async def test_a_second_signal_hurries_one_that_was_asked_to_stop(desk: Desk, gate: Gate) -> None:
    async with desk.ending(shutdown_grace=ENDLESS_SECONDS) as worker:
        task = await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        await ask(desk, worker, WorkerRequest.STOP)
        await until(lambda: worker._stop.is_set())
        worker.stop()
        worker.stop()
    assert await desk.status(task) == "pending"


async def test_an_order_of_a_later_release_is_passed_over(desk: Desk) -> None:
    await desk.conn.execute("ALTER TABLE lapinq_workers DROP CONSTRAINT lapinq_workers_asked_to_check")
    async with desk.working():
        await desk.until("SELECT memory_bytes IS NOT NULL FROM lapinq_workers")
        await desk.conn.execute("UPDATE lapinq_workers SET asked_to = 'dance', beat_at = beat_at")
        await beats_on(desk, 0.5)
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))

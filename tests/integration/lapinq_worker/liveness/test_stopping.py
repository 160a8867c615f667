"""Stopping: nothing new is taken, what runs gets its time, the rest is handed back, and it always ends."""

# pyright: reportPrivateUsage=false

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lapinq_worker import shutdown
from lapinq_worker import worker as worker_module
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.desk import Desk, Gate, settings, task_of, until
from tests.support.database import postgres
from tests.support.database.invariants import check_rows
from tests.support.database.proxy import proxy
from tests.support.sample import tasks
from tests.support.sample.starts import starts


@pytest.fixture
def endless_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The name of a module whose import goes on until the end of the test."""
    monkeypatch.setenv("TEST_ENDLESS_IMPORT", str(tmp_path / "imported"))
    # The import of an earlier test came to its end with that test.
    monkeypatch.delitem(sys.modules, "tests.support.sample.endless_module", raising=False)
    yield "tests.support.sample.endless_module"
    (tmp_path / "imported").touch()


async def test_running_tasks_finish(desk: Desk, gate: Gate) -> None:
    async with desk.working():
        ids = [await desk.hand_in(tasks.await_at, gate.path), await desk.hand_in(tasks.wait_at, gate.path)]
        await gate.begun(2)
        asyncio.get_running_loop().call_later(0.3, gate.open)
    ended = await desk.find(*ids)
    assert [(task.status, task.result, task.attempts) for task in ended] == [("completed", '"seen"', 1)] * 2
    assert await desk.value("SELECT count(*) FROM lapinq_workers") == 0


async def test_nothing_new_is_taken(desk: Desk, gate: Gate) -> None:
    async with desk.working(worker_concurrency=1) as worker:
        running = await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        waiting = await desk.hand_in_many([task_of(tasks.aadd, 1, 1) for _ in range(5)])
        worker.stop()
        later = await desk.hand_in(tasks.aadd, 1, 1)
        gate.open()
        # Leaving the context stops the worker a second time, which would hand it back.
        await desk.has_status("completed", running)
    for task in await desk.find(*waiting, later):
        assert (task.status, task.attempts) == ("pending", 0)


@pytest.mark.parametrize(
    ("function", "pool"),
    [(tasks.await_at, "processes"), (tasks.wait_at, "processes"), (tasks.wait_at, "threads")],
)
async def test_after_the_grace_time_tasks_are_handed_back_with_their_start(
    desk: Desk, gate: Gate, function: object, pool: str
) -> None:
    assert callable(function)
    async with desk.working(shutdown_grace=0.1, worker_pool=pool):
        again = await desk.hand_in(function, gate.path, max_retries=1)
        never = await desk.hand_in(function, gate.path, max_retries=0)
        await gate.begun(2)
    assert await desk.value("SELECT starts FROM lapinq_ready WHERE id = %s", again) == 0
    assert [(one.outcome, one.final) for one in await desk.attempts(again)] == [("released", False)]
    (failed,) = await desk.find(never)
    assert failed.status == "failed"
    assert failed.error == "the worker was stopped before the task finished, and it may not be started twice"
    gate.open()
    async with desk.working(worker_pool=pool):
        (ended,) = await desk.ended(again)
    assert (ended.result, ended.attempts) == ('"seen"', 1)
    await check_rows(desk.conn, [again, never])


async def test_told_twice_it_hands_back_at_once(desk: Desk, gate: Gate) -> None:
    async with desk.working(shutdown_grace=600) as worker:
        await desk.hand_in(tasks.await_at, gate.path)
        await desk.hand_in(tasks.wait_at, gate.path)
        await gate.begun(2)
        worker.stop()
        started = time.monotonic()
    assert time.monotonic() - started < 10
    assert await desk.value("SELECT count(*) FROM lapinq_ready") == 2


async def test_told_again_while_it_waits_it_hands_back_at_once(desk: Desk, gate: Gate) -> None:
    worker = Worker(settings(desk.url, shutdown_grace=600))
    running = asyncio.create_task(worker.run())
    task = await desk.hand_in(tasks.await_at, gate.path)
    await gate.begun()
    worker.stop()
    await asyncio.sleep(0.5)
    assert not running.done()
    worker.stop()
    worker.stop()
    async with asyncio.timeout(10):
        await running
    assert await desk.status(task) == "pending"


async def test_a_stubborn_coroutine_does_not_keep_it_from_stopping(desk: Desk) -> None:
    async with desk.working(shutdown_grace=0.1) as worker:
        task = await desk.hand_in(tasks.stubborn)
        await until(lambda: worker._dispatcher.active)
    assert await desk.value("SELECT starts FROM lapinq_ready WHERE id = %s", task) == 0


async def test_what_was_claimed_ahead_goes_back_to_its_place(desk: Desk) -> None:
    ids = await desk.hand_in_many([task_of(tasks.asleep, 0.05) for _ in range(2000)])
    async with desk.working(worker_concurrency=50):
        await desk.until("SELECT count(*) > 100 FROM lapinq_attempts")
    assert await desk.value("SELECT count(*) FROM lapinq_running") == 0
    left = await desk.value("SELECT array_agg(id::text ORDER BY rank, seq) FROM lapinq_ready")
    assert left == sorted(left)
    assert left
    assert await desk.value("SELECT count(*) FROM lapinq_ready WHERE starts > 0") == 0
    assert await desk.value("SELECT count(*) FROM lapinq_attempts WHERE outcome <> 'completed'") == 0
    await check_rows(desk.conn, ids)


async def test_tasks_whose_module_is_being_imported_are_handed_back(desk: Desk, endless_import: str) -> None:
    task = task_of(tasks.aadd, 1, 1, max_retries=0)
    task.module_path, task.task_name = endless_import, "f"
    async with desk.working():
        (lost,) = await desk.hand_in_many([task])
        await desk.has_status("running", lost)
    assert await desk.value("SELECT starts FROM lapinq_ready WHERE id = %s", lost) == 0
    assert await desk.attempts(lost) == []


async def test_a_module_that_never_ends_does_not_hold_up_others(desk: Desk, endless_import: str) -> None:
    stuck = task_of(tasks.aadd, 1, 1)
    stuck.module_path, stuck.task_name = endless_import, "f"
    async with desk.working():
        (lost,) = await desk.hand_in_many([stuck])
        await desk.has_status("running", lost)
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1), await desk.hand_in(tasks.add, 1, 1))


async def test_it_hands_back_over_connections_that_broke(desk: Desk, gate: Gate) -> None:
    async with desk.working(worker_concurrency=2, shutdown_grace=0.1):
        await desk.hand_in_many([task_of(tasks.await_at, gate.path) for _ in range(2)])
        await gate.begun(2)
        await cut_connections(desk)
    assert await desk.value("SELECT count(*) FROM lapinq_ready WHERE starts = 0") == 2
    assert await desk.value("SELECT count(*) FROM lapinq_workers") == 0


async def cut_connections(desk: Desk) -> None:
    await desk.conn.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'lapinq-worker%'"
    )


async def test_with_the_database_away_it_ends_all_the_same(
    desk: Desk, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the first worker has so little time: the other one must reap the child of the task.
    with proxy(desk.url) as way, monkeypatch.context() as hurried:
        hurried.setattr(worker_module, "FLUSH_SECONDS", 0.5)
        hurried.setattr(shutdown, "FLUSH_SECONDS", 0.5)
        hurried.setattr(worker_module, "CLAIM_SECONDS", 0.5)
        worker = Worker(settings(way.url, shutdown_grace=0.1, lease_seconds=1.0))
        running = asyncio.create_task(worker.run())
        task = await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        way.cut()
        worker.stop()
        async with asyncio.timeout(10):
            await running
    # Whoever rescues it finds it: the worker's row and the lease are still there.
    assert await desk.status(task) == "running"
    async with desk.working(lease_seconds=1.0):
        gate.open()
        (ended,) = await desk.ended(task)
    assert (ended.status, ended.attempts) == ("completed", 2)


def test_a_worker_that_waits_for_the_schema_stops(postgres_url: str) -> None:
    async def run(url: str) -> None:
        worker = Worker(settings(url))
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0.3)
        assert not running.done()
        worker.stop()
        async with asyncio.timeout(10):
            await running

    with postgres.private_database(postgres_url) as url:
        asyncio.run(run(url))


async def test_a_worker_stopped_before_it_began_takes_nothing(desk: Desk, tmp_path: Path) -> None:
    await desk.hand_in(tasks.amark, str(tmp_path), "x")
    worker = Worker(settings(desk.url))
    worker.stop()
    async with asyncio.timeout(10):
        await worker.run()
    assert not starts(tmp_path)
    assert await desk.value("SELECT count(*) FROM lapinq_workers") == 0


async def test_workers_hand_over_to_each_other_without_loss(desk: Desk, tmp_path: Path) -> None:
    ids = await desk.hand_in_many([task_of(tasks.amark, str(tmp_path), str(n), 0.01) for n in range(400)])
    for _ in range(6):
        async with desk.working(worker_concurrency=8, shutdown_grace=0.0):
            await asyncio.sleep(0.15)
    async with desk.working(worker_concurrency=8):
        ended = await desk.ended(*ids)
    assert {task.status for task in ended} == {"completed"}
    await check_rows(desk.conn, ids)
    await until(lambda: len(starts(tmp_path)) == 400)

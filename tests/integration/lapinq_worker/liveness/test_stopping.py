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
from tests.integration.lapinq_worker.desk import Desk, Gate, ending, task_of, until
from tests.support.database import postgres
from tests.support.database.invariants import check_rows
from tests.support.database.proxy import proxy
from tests.support.sample import tasks
from tests.support.sample.starts import starts

STARTS = "SELECT starts FROM lapinq_ready WHERE id = %s"
ENDLESS = "tests.support.sample.endless_module"


@pytest.fixture
def endless_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The name of a module whose import goes on until the end of the test."""
    monkeypatch.setenv("TEST_ENDLESS_IMPORT", str(tmp_path / "imported"))
    # The import of an earlier test came to its end with that test.
    monkeypatch.delitem(sys.modules, ENDLESS, raising=False)
    yield ENDLESS
    (tmp_path / "imported").touch()


async def test_running_tasks_finish_and_nothing_new_is_taken(desk: Desk, gate: Gate) -> None:
    async with desk.working(worker_concurrency=2) as worker:
        ids = [await desk.hand_in(tasks.await_at, gate.path), await desk.hand_in(tasks.wait_at, gate.path)]
        await gate.begun(2)
        waiting = await desk.hand_in_many([task_of(tasks.aadd, 1, 1) for _ in range(5)])
        worker.stop()
        later = await desk.hand_in(tasks.aadd, 1, 1)
        gate.open()
        # Leaving the context stops the worker a second time, which would hand them back.
        await desk.has_status("completed", *ids)
    ended = await desk.find(*ids)
    assert [(task.status, task.result, task.attempts) for task in ended] == [("completed", '"seen"', 1)] * 2
    for task in await desk.find(*waiting, later):
        assert (task.status, task.attempts) == ("pending", 0)
    assert await desk.value("SELECT count(*) FROM lapinq_workers") == 0


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_after_the_grace_time_tasks_are_handed_back_with_their_start(
    desk: Desk, gate: Gate, pool: str
) -> None:
    functions = (tasks.await_at, tasks.wait_at)
    async with desk.working(worker_concurrency=5, shutdown_grace=0.1, worker_pool=pool):
        stubborn = await desk.hand_in(tasks.stubborn)
        again = [await desk.hand_in(function, gate.path, max_retries=1) for function in functions]
        never = [await desk.hand_in(function, gate.path, max_retries=0) for function in functions]
        await gate.begun(4)
    for task in again:
        assert await desk.value(STARTS, task) == 0
        assert [(one.outcome, one.final) for one in await desk.attempts(task)] == [("released", False)]
    assert await desk.value(STARTS, stubborn) == 0
    for failed in await desk.find(*never):
        assert failed.status == "failed"
        assert (
            failed.error == "the worker was stopped before the task finished, and it may not be started twice"
        )
    gate.open()
    async with desk.working(shutdown_grace=0.1, worker_pool=pool):
        for ended in await desk.ended(*again):
            assert (ended.result, ended.attempts) == ('"seen"', 1)
    await check_rows(desk.conn, [*again, *never])


async def test_told_twice_it_hands_back_at_once(desk: Desk, gate: Gate) -> None:
    async with desk.ending(shutdown_grace=600) as worker:
        ids = [await desk.hand_in(tasks.await_at, gate.path), await desk.hand_in(tasks.wait_at, gate.path)]
        await gate.begun(2)
        worker.stop()
        await asyncio.sleep(0.5)  # while it waits
        assert await desk.value("SELECT count(*) FROM lapinq_running") == 2
        started = time.monotonic()
        worker.stop()
        worker.stop()
    assert time.monotonic() - started < 10
    assert [task.status for task in await desk.find(*ids)] == ["pending"] * 2


async def test_what_was_claimed_ahead_goes_back_to_its_place(desk: Desk) -> None:
    ids = await desk.hand_in_many([task_of(tasks.asleep, 0.1) for _ in range(400)])
    async with desk.working(worker_concurrency=20):
        await desk.until("SELECT count(*) > 40 FROM lapinq_attempts")
    assert await desk.value("SELECT count(*) FROM lapinq_running") == 0
    left = await desk.value("SELECT array_agg(id::text ORDER BY rank, seq) FROM lapinq_ready")
    assert left == sorted(left)
    assert left
    assert await desk.value("SELECT count(*) FROM lapinq_ready WHERE starts > 0") == 0
    assert await desk.value("SELECT count(*) FROM lapinq_attempts WHERE outcome <> 'completed'") == 0
    await check_rows(desk.conn, ids)


async def test_tasks_whose_module_is_being_imported_hold_up_nobody_and_are_handed_back(
    desk: Desk, endless_import: str
) -> None:
    async with desk.working():
        lost = await desk.hand_in(tasks.aadd, module_path=endless_import, task_name="f", max_retries=0)
        await desk.has_status("running", lost)
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1), await desk.hand_in(tasks.add, 1, 1))
    assert await desk.value(STARTS, lost) == 0
    assert await desk.attempts(lost) == []


async def test_it_hands_back_over_connections_that_broke(desk: Desk, gate: Gate) -> None:
    async with desk.working(worker_concurrency=2, shutdown_grace=0.1):
        await desk.hand_in_many([task_of(tasks.await_at, gate.path) for _ in range(2)])
        await gate.begun(2)
        await desk.conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'lapinq-worker%'"
        )
    assert await desk.value("SELECT count(*) FROM lapinq_ready WHERE starts = 0") == 2
    assert await desk.value("SELECT count(*) FROM lapinq_workers") == 0


async def test_with_the_database_away_it_ends_all_the_same(
    desk: Desk, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the first worker has so little time: the other one must reap the child of the task.
    with proxy(desk.url) as way, monkeypatch.context() as hurried:
        hurried.setattr(worker_module, "FLUSH_SECONDS", 0.5)
        hurried.setattr(shutdown, "FLUSH_SECONDS", 0.5)
        hurried.setattr(worker_module, "CLAIM_SECONDS", 0.5)
        async with ending(way.url, shutdown_grace=0.1, lease_seconds=1.0) as worker:
            task = await desk.hand_in(tasks.await_at, gate.path)
            await gate.begun()
            way.cut()
            worker.stop()
    # Whoever rescues it finds it: the worker's row and the lease are still there.
    assert await desk.status(task) == "running"
    async with desk.working(lease_seconds=1.0):
        gate.open()
        (ended,) = await desk.ended(task)
    assert (ended.status, ended.attempts) == ("completed", 2)


async def test_a_worker_that_waits_for_the_schema_stops(postgres_url: str) -> None:
    with postgres.private_database(postgres_url) as url:
        async with ending(url) as worker:
            await asyncio.sleep(0.3)
            worker.stop()


async def test_a_worker_stopped_before_it_began_takes_nothing(desk: Desk, tmp_path: Path) -> None:
    await desk.hand_in(tasks.amark, str(tmp_path), "x")
    async with desk.ending() as worker:
        worker.stop()
    assert not starts(tmp_path)
    assert await desk.value("SELECT count(*) FROM lapinq_workers") == 0


async def test_workers_hand_over_to_each_other_without_loss(desk: Desk, tmp_path: Path) -> None:
    ids = await desk.hand_in_many([task_of(tasks.amark, str(tmp_path), str(n), 0.01) for n in range(200)])
    for _ in range(3):
        async with desk.working(worker_concurrency=8, shutdown_grace=0.0):
            await asyncio.sleep(0.1)
    async with desk.working(worker_concurrency=8):
        ended = await desk.ended(*ids)
    assert {task.status for task in ended} == {"completed"}
    await check_rows(desk.conn, ids)
    await until(lambda: len(starts(tmp_path)) == 200)

"""`lapinq worker --drain`: works until its queues are empty, and ends."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.upkeep import maintenance_jobs
from lapinq_worker.claiming.full_scans import FullScans
from lapinq_worker.claiming.queue_choice import QueueChoice
from lapinq_worker.drain import Draining
from lapinq_worker.settling.settler import Settler
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.desk import Desk, Gate, settings, task_of
from tests.support.database.invariants import check_invariants, statuses
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import Conn, enqueue, pause
from tests.support.rows.workflows import member, store
from tests.support.sample import tasks
from tests.support.sample.starts import starts


def pause_queue(database: str, queue: str) -> None:
    async def run() -> None:
        async with await Conn.open(database) as conn:
            await pause(conn, queue)

    asyncio.run(run())


def test_it_ends_when_nothing_is_left_to_start(database: str, tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    pause_queue(database, "still")
    ids = enqueue_all(
        database,
        [
            *(task_of((tasks.noop, tasks.anoop)[n % 2]) for n in range(300)),
            *(task_of(tasks.mark, str(tmp_path), f"forgotten-{n}", ttl_seconds=0) for n in range(20)),
            *(task_of(tasks.fail, "again", max_retries=2, queue_name="other") for _ in range(5)),
            *(task_of(tasks.anoop, scheduled_at=later) for _ in range(2)),
            task_of(tasks.afail, "much later", retry_delay=3600.0),
            task_of(tasks.anoop, queue_name="still"),
            task_of(tasks.anoop, queue_name="not served"),
        ],
    )
    with WorkerProcess(database, "--drain", "-q", "default", "-q", "other", "-q", "still") as worker:
        assert worker.wait(60) == 0
        assert "drained: nothing is left to start; 3 tasks wait for their time" in worker.output
        assert "stopped" in worker.output
    assert statuses(database) == {"completed": 300, "failed": 5, "pending": 5}
    assert len(starts(tmp_path)) == 20
    with psycopg.connect(database) as conn:
        stored = {row[0] for row in conn.execute("SELECT id::text FROM lapinq_tasks")}
    check_invariants(database, stored.intersection(ids))


def drain(desk: Desk) -> asyncio.Task[None]:
    """A worker that drains its queues."""
    return asyncio.create_task(Worker(settings(desk.url), drain=True).run())


async def ended(draining: asyncio.Task[None]) -> None:
    async with asyncio.timeout(30):
        await draining


async def test_it_waits_for_what_it_runs_and_for_what_comes_meanwhile(desk: Desk, gate: Gate) -> None:
    running = await desk.hand_in(tasks.wait_at, gate.path)
    draining = drain(desk)
    await gate.begun()
    await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
    due = datetime.now(UTC) + timedelta(seconds=0.2)
    delayed = await desk.hand_in(tasks.aadd, 1, 1, scheduled_at=due)
    await desk.until("SELECT lapinq_now() > %s", due)
    assert not draining.done()
    gate.open()
    await ended(draining)
    assert {task.status for task in await desk.find(running, delayed)} == {"completed"}


async def test_it_runs_a_workflow_to_its_end(desk: Desk) -> None:
    members = [member("0", task_of(tasks.aadd, 0, 0))]
    members += [member(f"{n}", task_of(tasks.aadd, {"$result": f"{n - 1}"}, n)) for n in range(1, 6)]
    ids = await store(desk.conn, members)
    await ended(drain(desk))
    assert [(task.status, task.result) for task in await desk.find(ids["5"])] == [("completed", "15")]


async def test_it_does_not_wait_for_what_another_worker_runs(
    desk: Desk, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with desk.working():
        running = await desk.hand_in(tasks.wait_at, gate.path)
        await gate.begun()
        await ended(drain(desk))
        assert "0 tasks wait" in caplog.text
        gate.open()
        await desk.ended(running)


async def test_it_stops_as_any_other_when_it_is_told_to(
    desk: Desk, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    running = await desk.hand_in_many([task_of(tasks.await_at, gate.path) for _ in range(4)])
    waiting = await desk.hand_in_many([task_of(tasks.aadd, 1, 1) for _ in range(10)])
    worker = Worker(settings(desk.url, worker_concurrency=4), drain=True)
    draining = asyncio.create_task(worker.run())
    await gate.begun(4)
    worker.stop()
    gate.open()
    await ended(draining)
    assert "drained" not in caplog.text
    assert {task.status for task in await desk.find(*running)} == {"completed"}
    assert {task.status for task in await desk.find(*waiting)} == {"pending"}


async def test_a_task_that_is_promoted_during_the_check_keeps_the_worker(desk: Desk) -> None:
    class ScansBeforePromotion(FullScans):
        """Somebody else promotes what is due, right after each scan."""

        async def scan(self, connection: PinnedConnection) -> Mapping[str, tuple[int, int]] | None:
            found = await super().scan(connection)
            async with await Conn.open(desk.url) as other:
                await maintenance_jobs.promote(other)
            return found

    choice, drained = QueueChoice({}), asyncio.Event()
    draining = Draining(choice, Settler(desk.url, lambda _: None), drained.set)
    await enqueue(desk.conn, scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    await desk.conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now()")
    await draining.check(desk.conn, ScansBeforePromotion(choice))
    assert not drained.is_set()

"""`lapinq worker --drain`: works until its queues are empty, and ends."""

import asyncio
import signal
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
from tests.integration.lapinq_worker.desk import Desk, Gate, task_of
from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import Conn, enqueue, pause
from tests.support.sample import tasks
from tests.support.sample.starts import starts


def pause_queue(database: str, queue: str) -> None:
    async def run() -> None:
        async with await Conn.open(database) as conn:
            await pause(conn, queue)

    asyncio.run(run())


@pytest.mark.parametrize("arguments", [(), ("-q", "default", "-q", "other")])
def test_it_ends_when_nothing_is_left_to_start(
    database: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
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
        ],
    )
    with WorkerProcess(database, "--drain", *arguments) as worker:
        assert worker.wait(60) == 0
        assert "drained: nothing is left to start; 3 tasks wait for their time" in worker.output
        assert "stopped" in worker.output
    assert statuses(database) == {"completed": 300, "failed": 5, "pending": 4}
    assert len(starts(tmp_path)) == 20
    check_invariants(database, stored(database).intersection(ids))


def stored(database: str) -> set[str]:
    with psycopg.connect(database) as conn:
        return {row[0] for row in conn.execute("SELECT id::text FROM lapinq_tasks")}


def test_it_ends_at_once_when_there_is_nothing(database: str) -> None:
    with WorkerProcess(database, "--drain") as worker:
        assert worker.wait(15) == 0
        assert "0 tasks wait" in worker.output


def test_it_waits_for_what_it_runs_and_for_what_that_hands_in_meanwhile(database: str, gate: Gate) -> None:
    enqueue_all(database, [task_of(tasks.wait_at, gate.path)])
    with WorkerProcess(database, "--drain") as worker:
        eventually(lambda: list(Path(gate.path).parent.glob("*.begun.*")), 20)
        enqueue_all(database, [task_of(tasks.aadd, 1, 1)])
        eventually(lambda: statuses(database) == {"completed": 1, "running": 1})
        assert worker.process is not None
        assert worker.process.poll() is None
        gate.open()
        assert worker.wait(20) == 0
    assert statuses(database) == {"completed": 2}


def test_it_does_not_wait_for_what_another_worker_runs(database: str, gate: Gate) -> None:
    enqueue_all(database, [task_of(tasks.wait_at, gate.path)])
    with WorkerProcess(database) as other:
        eventually(lambda: list(Path(gate.path).parent.glob("*.begun.*")), 20)
        with WorkerProcess(database, "--drain") as worker:
            assert worker.wait(20) == 0
        gate.open()
        eventually(lambda: statuses(database) == {"completed": 1})
        assert other.stop() == 0


def test_it_stops_as_any_other_when_it_is_told_to(database: str, gate: Gate) -> None:
    enqueue_all(
        database,
        [
            *(task_of(tasks.await_at, gate.path) for _ in range(4)),
            *(task_of(tasks.aadd, 1, 1) for _ in range(10)),
        ],
    )
    with WorkerProcess(database, "--drain") as worker:
        eventually(lambda: len(list(Path(gate.path).parent.glob("*.begun.*"))) == 4, 20)
        worker.signal(signal.SIGTERM)
        worker.said("waiting up to")
        gate.open()
        assert worker.wait(20) == 0
        assert "drained" not in worker.output
    assert statuses(database) == {"completed": 4, "pending": 10}


async def test_a_delayed_task_that_falls_due_meanwhile_is_run(database: str, desk: Desk, gate: Gate) -> None:
    await desk.hand_in(tasks.await_at, gate.path)
    with WorkerProcess(database, "--drain") as worker:
        await gate.begun()
        due = datetime.now(UTC) + timedelta(seconds=0.2)
        task = await desk.hand_in(tasks.aadd, 1, 1, scheduled_at=due)
        await desk.until("SELECT lapinq_now() > %s", due)
        gate.open()
        assert await asyncio.to_thread(worker.wait, 20) == 0
    assert await desk.status(task) == "completed"


def test_a_task_that_is_promoted_during_the_check_keeps_the_worker(database: str) -> None:
    class ScansBeforePromotion(FullScans):
        """Somebody else promotes what is due, right after each scan."""

        async def scan(self, connection: PinnedConnection) -> Mapping[str, tuple[int, int]] | None:
            found = await super().scan(connection)
            async with await Conn.open(database) as other:
                await maintenance_jobs.promote(other)
            return found

    async def test() -> bool:
        choice, drained = QueueChoice({}), asyncio.Event()
        draining = Draining(choice, Settler(database, lambda _: None), drained.set)
        async with await Conn.open(database) as conn:
            await enqueue(conn, scheduled_at=datetime.now(UTC) + timedelta(hours=1))
            await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now()")
            await draining.check(conn, ScansBeforePromotion(choice))
        return drained.is_set()

    assert not asyncio.run(test())

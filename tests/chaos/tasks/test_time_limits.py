"""Tasks that ignore their time limit, in C code too. Heartbeat 0.5 s, lease 3 s, sweep 0.5 s."""

import asyncio
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.rows import class_row

from lapinq_core.tasks import actions
from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.first_by_default import first_by_default
from tests.support.programs.processes import QUICK_LEASE, ApiProcess, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import Conn, new_task
from tests.support.sample.starts import starts

LIMIT_SECONDS = 0.5  # some of the tasks take a core as long
END_SECONDS = 2.0
SLACK_SECONDS = 2.0  # this machine may be busy with something else


class Attempt(msgspec.Struct):
    """An attempt as it is recorded; `seconds` is how long its claim was held."""

    outcome: str
    error: str | None
    final: bool
    worker_id: str | None
    seconds: float


def attempts(database: str, task: str) -> list[Attempt]:
    """The history of a task."""
    with psycopg.connect(database) as conn:
        return (
            conn.cursor(row_factory=class_row(Attempt))
            .execute(
                "SELECT outcome, error, final, worker_id::text,"
                " extract(epoch FROM finished_at - claimed_at)::float8 AS seconds"
                " FROM lapinq_attempts WHERE task_id = %s ORDER BY finished_at",
                (task,),
            )
            .fetchall()
        )


def has_ended(database: str, task: str) -> list[Attempt]:
    """The same once it has ended, else nothing."""
    found = attempts(database, task)
    return found if found and found[-1].final else []


def check_time(ended: Attempt, limit: float = LIMIT_SECONDS) -> None:
    """It was ended in time, and says why."""
    assert (ended.outcome, ended.error) == ("failed", f"time limit of {limit:g} s reached")
    assert limit <= ended.seconds < limit + END_SECONDS + SLACK_SECONDS


class Neighbours:
    """Tasks that run beside the one that blocks until `gate` is there."""

    def __init__(self, database: str, place: Path) -> None:
        self.database = database
        self.place = place
        self.gate = place / "gate"
        self.running = enqueue_all(database, [self.task(f"n{n}") for n in range(2)])
        eventually(lambda: {"n0", "n1"} <= starts(place).keys(), 30)

    def task(self, name: str) -> Any:
        return new_task(
            task_name="amark_until",
            args=[str(self.place), name, str(self.gate)],
            timeout_seconds=60.0,
            retry_delay=0.0,
        )


def block(place: Path, how: str, **values: Any) -> Any:
    """A task that blocks the loop."""
    defaults: dict[str, Any] = {"timeout_seconds": LIMIT_SECONDS, "max_retries": 0}
    return new_task(task_name="ablock", args=[str(place), "b", how], **{**defaults, **values})


WAYS = [
    "loop",
    "sleep",
    "C",
    "cleanup",
    pytest.param(
        "task", marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="whose task is unknown")
    ),
]


@pytest.mark.parametrize("how", first_by_default(WAYS))
def test_a_coroutine_that_blocks_the_loop_is_ended_and_its_neighbours_run_again(
    database: str, tmp_path: Path, how: str
) -> None:
    with WorkerProcess(database, "--concurrency", "6", env=QUICK_LEASE) as worker:
        pid = worker.pid
        neighbours = Neighbours(database, tmp_path)
        # The worker looks up a function in a thread, once. Known ones start in the order of their tasks.
        seen = enqueue_all(database, [new_task(task_name="aadd"), block(tmp_path, "none")])
        eventually(lambda: set(statuses_of(database, *seen)) == {"completed"}, 30)
        known = [new_task(task_name="aadd", max_retries=0) for _ in range(2)]
        on_its_way = neighbours.task("w")
        blocking = block(tmp_path, how)
        ids = enqueue_all(database, [*known, blocking, on_its_way])
        (ended,) = eventually(lambda: has_ended(database, blocking.id), 30)
        check_time(ended)

        worker.said("re-executing")
        assert "in ablock_loop" in worker.output
        eventually(lambda: len(worker_ids(database)) == 1 and ended.worker_id not in worker_ids(database), 30)
        others = [*neighbours.running, on_its_way.id]
        eventually(lambda: set(statuses_of(database, *others)) == {"running"}, 30)
        neighbours.gate.touch()
        eventually(lambda: set(statuses_of(database, *others)) == {"completed"}, 30)
        assert worker.process is not None
        assert worker.process.poll() is None
        assert worker.pid == pid
        # What was known before is written, by the worker that knew it.
        for task in known:
            (attempt,) = attempts(database, task.id)
            assert (attempt.outcome, attempt.worker_id) == ("completed", ended.worker_id)
        # The start that was cut short does not count.
        for task in others:
            assert [attempt.outcome for attempt in attempts(database, task)][-1] == "completed"
            assert "failed" not in [attempt.outcome for attempt in attempts(database, task)]
        assert counted_starts(database, *others) == {1}
        check_invariants(database, [*ids, *neighbours.running])
    assert set(starts(tmp_path).values()) <= {1, 2}


@pytest.mark.slow
def test_the_next_attempt_of_a_task_that_blocked_the_loop_harms_nobody(database: str, tmp_path: Path) -> None:
    with WorkerProcess(database, "--concurrency", "4", env=QUICK_LEASE) as worker:
        blocking = block(tmp_path, "sleep", max_retries=1, retry_delay=0.0)
        ids = enqueue_all(database, [blocking])
        eventually(lambda: starts(tmp_path)["b"] == 2, 30)
        neighbours = Neighbours(database, tmp_path)
        first, second = eventually(lambda: has_ended(database, blocking.id), 30)
        check_time(first)
        check_time(second)
        neighbours.gate.touch()
        eventually(lambda: set(statuses_of(database, *neighbours.running)) == {"completed"}, 30)
        assert worker.output.count("re-executing") == 1
    assert starts(tmp_path)["n0"] == starts(tmp_path)["n1"] == 1
    check_invariants(database, [*ids, *neighbours.running])


@pytest.mark.parametrize("how", first_by_default(["swallow", "C", "lock"]))
def test_a_function_that_does_not_end_is_killed_and_its_place_is_free(
    database: str, tmp_path: Path, how: str
) -> None:
    with WorkerProcess(database, "--concurrency", "1", env=QUICK_LEASE) as worker:
        stuck = new_task(
            task_name="block",
            args=[str(tmp_path), "b", how],
            timeout_seconds=LIMIT_SECONDS,
            max_retries=0,
        )
        after = new_task(task_name="mark", args=[str(tmp_path), "after"])
        ids = enqueue_all(database, [stuck, after])
        (ended,) = eventually(lambda: has_ended(database, stuck.id), 30)
        check_time(ended)
        (completed,) = eventually(lambda: has_ended(database, after.id), 30)
        assert completed.outcome == "completed"
        (_, pid, begun), (_, _, next_begun) = (
            path.name.rsplit(".", 2) for path in sorted(tmp_path.glob("*.started.*"), key=started_at)
        )
        assert not Path(f"/proc/{pid}").exists()
        seconds = (int(next_begun) - int(begun)) / 1e9
        assert LIMIT_SECONDS <= seconds < LIMIT_SECONDS + END_SECONDS + 1.0 + SLACK_SECONDS
        assert "re-executing" not in worker.output
    check_invariants(database, ids)


def started_at(path: Path) -> int:
    """When a task left that file."""
    return int(path.name.rsplit(".", 1)[1])


@pytest.mark.slow
def test_a_coroutine_that_swallows_its_cancellation_is_left_behind(database: str, tmp_path: Path) -> None:
    with WorkerProcess(database, "--concurrency", "2", env=QUICK_LEASE) as worker:
        gate = tmp_path / "gate"
        beside = new_task(task_name="amark_until", args=[str(tmp_path), "beside", str(gate)], max_retries=0)
        stubborn = new_task(task_name="stubborn", args=[], timeout_seconds=LIMIT_SECONDS, max_retries=0)
        ids = enqueue_all(database, [beside, stubborn])
        (ended,) = eventually(lambda: has_ended(database, stubborn.id), 30)
        check_time(ended)
        (before,) = worker_ids(database)
        # The task beside it runs to its end. Only then the program re-executes itself and claims more.
        after = new_task(task_name="aadd")
        ids += enqueue_all(database, [after])
        assert "re-executing" not in worker.output
        gate.touch()
        (completed,) = eventually(lambda: has_ended(database, beside.id), 30)
        assert completed.outcome == "completed"
        (completed,) = eventually(lambda: has_ended(database, after.id), 30)
        assert completed.outcome == "completed"
        worker.said("re-executing")
        assert worker.process is not None
        assert worker.process.poll() is None
        assert before not in worker_ids(database)
    check_invariants(database, ids)


@pytest.mark.slow
def test_a_coroutine_that_blocks_the_loop_can_be_cancelled(database: str, tmp_path: Path) -> None:
    env = {**QUICK_LEASE, "LAPINQ_CANCEL_GRACE": "0.5"}
    with WorkerProcess(database, "--concurrency", "4", env=env) as worker:
        neighbours = Neighbours(database, tmp_path)
        blocking = block(tmp_path, "sleep", timeout_seconds=None)
        ids = enqueue_all(database, [blocking])
        eventually(lambda: starts(tmp_path)["b"] == 1, 30)
        assert request_cancel(database, blocking.id)
        (ended,) = eventually(lambda: has_ended(database, blocking.id), 30)
        assert (ended.outcome, ended.error) == ("cancelled", "stopped on request")
        worker.said("re-executing")
        neighbours.gate.touch()
        eventually(lambda: set(statuses_of(database, *neighbours.running)) == {"completed"}, 30)
    check_invariants(database, [*ids, *neighbours.running])


@pytest.mark.slow
def test_a_worker_told_to_stop_while_its_loop_is_blocked_exits(database: str, tmp_path: Path) -> None:
    with WorkerProcess(database, "--concurrency", "4", env=QUICK_LEASE) as worker:
        neighbours = Neighbours(database, tmp_path)
        blocking = block(tmp_path, "sleep")
        ids = enqueue_all(database, [blocking])
        eventually(lambda: starts(tmp_path)["b"] == 1, 30)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert "re-executing" not in worker.output
    (ended,) = attempts(database, blocking.id)
    check_time(ended)
    assert statuses_of(database, *neighbours.running) == ["pending", "pending"]
    assert worker_ids(database) == set()
    check_invariants(database, [*ids, *neighbours.running])


@pytest.mark.slow
def test_a_server_whose_worker_is_blocked_re_executes_too(database: str, tmp_path: Path) -> None:
    with ApiProcess(database, "--worker", env=QUICK_LEASE) as server:
        server.said("dashboard")
        blocking = block(tmp_path, "sleep")
        ids = enqueue_all(database, [blocking])
        (ended,) = eventually(lambda: has_ended(database, blocking.id), 30)
        check_time(ended)
        eventually(lambda: server.output.count("dashboard") == 2, 30)
        ids += enqueue_all(database, [new_task(task_name="aadd")])
        eventually(lambda: statuses(database) == {"failed": 1, "completed": 1}, 30)
        assert server.process is not None
        assert server.process.poll() is None
    check_invariants(database, ids)


@pytest.mark.slow
def test_a_worker_whose_threads_can_not_run_ends_and_others_take_its_tasks(
    database: str, tmp_path: Path
) -> None:
    limits = ("--concurrency", "4", "--task-timeout", "1")
    with frozen_at_the_end(WorkerProcess(database, *limits, env=QUICK_LEASE)) as worker:
        neighbours = Neighbours(database, tmp_path)
        blocking = block(tmp_path, "lock")
        ids = enqueue_all(database, [blocking])
        eventually(lambda: starts(tmp_path)["b"] == 1, 30)
        with WorkerProcess(database, *limits, env=QUICK_LEASE):
            (ended,) = eventually(lambda: has_ended(database, blocking.id), 30)
            assert ended.error is not None
            assert "was lost while it ran this task" in ended.error
            neighbours.gate.touch()
            eventually(lambda: set(statuses_of(database, *neighbours.running)) == {"completed"}, 30)
            assert worker.wait() == 1
            assert "Timeout" in worker.output
            assert "in ablock_loop" in worker.output
    check_invariants(database, [*ids, *neighbours.running])


@contextmanager
def frozen_at_the_end(worker: WorkerProcess) -> Generator[WorkerProcess]:
    """A worker that SIGTERM can't reach when its test fails."""
    with worker:
        try:
            yield worker
        finally:
            assert worker.process is not None
            if worker.process.poll() is None:
                worker.kill()


def request_cancel(database: str, task: str) -> bool:
    """Asks for the stop of a running task, as the API does."""

    async def ask() -> bool:
        async with await Conn.open(database) as conn:
            return await actions.request_cancel(conn, task)

    return asyncio.run(ask())


def worker_ids(database: str) -> set[str]:
    """The workers that are there."""
    with psycopg.connect(database) as conn:
        return {row[0] for row in conn.execute("SELECT id::text FROM lapinq_workers WHERE dead_at IS NULL")}


def statuses_of(database: str, *tasks: str) -> list[str]:
    """Where the tasks stand."""
    with psycopg.connect(database) as conn:
        return [
            row[0]
            for row in conn.execute(
                "SELECT status FROM lapinq_task_details WHERE id = ANY (%s::uuid[])", (list(tasks),)
            )
        ]


def counted_starts(database: str, *tasks: str) -> set[int]:
    """The numbers of the last attempts."""
    with psycopg.connect(database) as conn:
        return {
            row[0]
            for row in conn.execute(
                "SELECT attempts FROM lapinq_task_details WHERE id = ANY (%s::uuid[])", (list(tasks),)
            )
        }

"""Tasks that take their process down. Real workers, heartbeat 0.5 s, lease 3 s, sweep 0.5 s."""

from pathlib import Path

import psycopg
import pytest

from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import calm_workers, starts


def ends(database: str) -> dict[str, tuple[str, int, str | None]]:
    """Status, starts and error of each task."""
    with psycopg.connect(database) as conn:
        rows = conn.execute("SELECT id::text, status, attempts, error FROM lapinq_task_details").fetchall()
    return {row[0]: row[1:] for row in rows}


def test_a_poison_task_among_two_hundred_harms_itself_alone(database: str, tmp_path: Path) -> None:
    others = [new_task(task_name="sleep", args=[0.005]) for _ in range(200)]
    poison = new_task(
        task_name="mark_and_die",
        args=[str(tmp_path), "poison"],
        max_retries=3,
        retry_delay=0.05,
        retry_backoff=False,
    )
    tasks = sorted([*others, poison], key=lambda task: task.id)
    with WorkerProcess(database, "--concurrency", "4", env=QUICK_LEASE) as worker:
        ids = enqueue_all(database, tasks)
        eventually(lambda: statuses(database) == {"completed": 200, "failed": 1}, 60)
        assert worker.process is not None
        assert worker.process.poll() is None
    found = ends(database)
    assert found.pop(poison.id) == ("failed", 4, "the process that ran the task was killed by SIGSEGV")
    assert {end[:2] for end in found.values()} == {("completed", 1)}
    assert starts(tmp_path)["poison"] == 4
    check_invariants(database, ids)


@pytest.mark.slow
def test_a_coroutine_that_takes_its_worker_down_is_isolated_the_next_time(
    database: str, tmp_path: Path
) -> None:
    others = [new_task(task_name="asleep", args=[0.02]) for _ in range(200)]
    poison = new_task(
        task_name="amark_and_leave",
        args=[str(tmp_path), "poison"],
        max_retries=3,
        retry_delay=0.05,
        retry_backoff=False,
    )
    arguments = (database, "--concurrency", "4")
    with WorkerProcess(*arguments, env=QUICK_LEASE) as one, WorkerProcess(*arguments, env=QUICK_LEASE) as two:
        eventually(lambda: calm_workers(database) == 2, 30)
        ids = enqueue_all(database, sorted([*others, poison], key=lambda task: task.id))
        eventually(lambda: statuses(database) == {"completed": 200, "failed": 1}, 60)
        fates = [each.process.poll() for each in (one, two) if each.process is not None]
        assert sorted(fates, key=str) == [7, None], "the second start must not take a worker with it"
    found = ends(database)
    assert found.pop(poison.id) == ("failed", 4, "the process that ran the task exited with code 7")
    # Which of those that ran beside it was to blame could not be known: they were started twice, and no more.
    assert {end[0] for end in found.values()} == {"completed"}
    assert {end[1] for end in found.values()} <= {1, 2}
    assert starts(tmp_path)["poison"] == 4
    check_invariants(database, ids)


@pytest.mark.slow
def test_a_task_that_eats_memory_fails_with_that_reason(database: str) -> None:
    with WorkerProcess(database, "--concurrency", "2", "--max-memory", "200M", env=QUICK_LEASE) as worker:
        (eater,) = enqueue_all(database, [new_task(task_name="eat_memory", args=[], max_retries=0)])
        ids = [eater, *enqueue_all(database, [new_task() for _ in range(20)])]
        eventually(lambda: statuses(database) == {"completed": 20, "failed": 1}, 60)
        assert worker.process is not None
        assert worker.process.poll() is None
    status, attempts, error = ends(database)[eater]
    assert (status, attempts) == ("failed", 1)
    assert error is not None
    assert error.startswith("memory limit of 200 MiB exceeded")
    check_invariants(database, ids)

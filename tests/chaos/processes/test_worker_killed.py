"""Workers that die by SIGKILL. Real processes, heartbeat 0.5 s, lease 3 s, sweep 0.5 s."""

import random
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import calm_workers, starts

RERUN_SECONDS = 4.5  # the lease, a sweep, and a second


def second_starts(database: str) -> int:
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT count(*) FROM lapinq_running WHERE attempt = 2").fetchone()
    return row[0] if row else 0


@pytest.mark.slow
# A plain function takes a child process, of which a machine with two cores isolates four at a time.
@pytest.mark.parametrize(("function", "doomed_tasks"), [("amark_until", 20), ("mark_until", 4)])
def test_only_a_killed_workers_tasks_run_again_and_within_the_lease(
    database: str, tmp_path: Path, function: str, doomed_tasks: int
) -> None:
    gate = tmp_path / "gate"

    def gated(count: int, prefix: str) -> list[str]:
        names = [f"{prefix}{n}" for n in range(count)]
        return enqueue_all(
            database, [new_task(task_name=function, args=[str(tmp_path), name, str(gate)]) for name in names]
        )

    with WorkerProcess(database, "--concurrency", str(doomed_tasks), env=QUICK_LEASE) as doomed:
        ids = gated(doomed_tasks, "doomed")
        eventually(lambda: len(starts(tmp_path)) == doomed_tasks, 30)
        with WorkerProcess(database, "--concurrency", str(doomed_tasks + 4), env=QUICK_LEASE) as heir:
            ids += gated(4, "other")
            eventually(lambda: len(starts(tmp_path)) == doomed_tasks + 4, 30)
            eventually(lambda: calm_workers(database) == 2, 30)

            doomed.kill()
            killed_at = time.monotonic()
            # A plain function may wait a moment longer for its child process to come up.
            eventually(lambda: second_starts(database) == doomed_tasks, 30)
            assert time.monotonic() - killed_at < RERUN_SECONDS, heir.output
            eventually(lambda: all(starts(tmp_path)[f"doomed{n}"] == 2 for n in range(doomed_tasks)), 30)

            gate.touch()
            eventually(lambda: statuses(database) == {"completed": doomed_tasks + 4}, 30)
            assert all(starts(tmp_path)[f"other{n}"] == 1 for n in range(4))
    check_invariants(database, ids)


def test_nothing_is_lost_or_completed_twice_when_one_of_three_workers_is_killed(
    database: str, tmp_path: Path
) -> None:
    chance = random.Random(7)

    def some_task() -> tuple[str, list[object]]:
        kind = chance.random()
        if kind < 0.05:
            return "afail" if chance.random() < 0.5 else "fail", ["on purpose"]
        if kind < 0.25:
            return ("asleep" if chance.random() < 0.8 else "sleep"), [chance.uniform(0.02, 0.15)]
        return ("aadd" if chance.random() < 0.5 else "add"), [1, 2]

    tasks = [
        new_task(task_name=name, args=args, max_retries=5, retry_delay=0.2, retry_backoff=False)
        for name, args in (some_task() for _ in range(500))
    ]
    failing = sum(task.task_name in ("fail", "afail") for task in tasks)
    ids = [task.id for task in tasks]

    arguments = (database, "--concurrency", "5")
    with (
        WorkerProcess(*arguments, env=QUICK_LEASE) as doomed,
        WorkerProcess(*arguments, env=QUICK_LEASE),
        WorkerProcess(*arguments, env=QUICK_LEASE),
    ):
        eventually(lambda: calm_workers(database) == 3, 30)
        enqueue_all(database, tasks)
        eventually(lambda: statuses(database).get("completed", 0) > 150, 30)
        doomed.kill()
        eventually(
            lambda: statuses(database) == {"completed": len(tasks) - failing, "failed": failing}, 60, 0.2
        )
    check_invariants(database, ids)

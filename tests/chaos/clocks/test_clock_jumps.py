"""The database's clock jumps while workers run tasks, or all of them stand still for longer than their lease.

Heartbeat 0.5 s, lease 3 s, sweep 0.5 s. What becomes of one that stands still alone is told in `test_outages`.
"""

import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from lapinq_core.db.moved_clock import move_clock
from lapinq_core.domain.tasks.task import NewTask
from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import calm_workers, starts

pytestmark = pytest.mark.slow

MINUTE, HOUR = 60, 3600
LEASE_SECONDS = 3.0
# By then all have been calm again for a sweep.
SETTLED_SECONDS = LEASE_SECONDS + 1.5
# A task of these workers is overdue 31 s after its claim: by the database's clock each jump is longer.
ENVIRONMENT = {**QUICK_LEASE, "LAPINQ_WORKER_TIMEOUT": "10"}
WORKERS = 3
EACH = 4


def test_neither_a_jump_of_the_clock_nor_a_suspended_host_starts_a_task_twice(
    database: str, tmp_path: Path
) -> None:
    ids = list[str]()

    def run_tasks_while(what: str, disturb: Callable[[], None]) -> None:
        gate = tmp_path / f"gate of {what}"
        ids.extend(enqueue_all(database, gated_tasks(tmp_path, gate)))
        eventually(lambda: len(starts(tmp_path)) == len(ids), 30)
        disturb()
        pass_by(SETTLED_SECONDS)
        assert set(starts(tmp_path).values()) == {1}, what
        assert dead_workers(database) == 0, what
        gate.touch()
        eventually(lambda: statuses(database) == {"completed": len(ids)}, 30)

    with ExitStack() as running:
        workers = [
            running.enter_context(WorkerProcess(database, "--concurrency", str(EACH), env=ENVIRONMENT))
            for _ in range(WORKERS)
        ]
        eventually(lambda: calm_workers(database) == WORKERS, 30)
        run_tasks_while("a minute forward", lambda: move_clock(database, MINUTE))
        run_tasks_while("a minute back", lambda: move_clock(database, 0))
        run_tasks_while("an hour forward", lambda: move_clock(database, HOUR))
        run_tasks_while("an hour back", lambda: move_clock(database, 0))
        run_tasks_while("all suspended", lambda: suspend(workers))
        assert all("declared dead" not in worker.output for worker in workers)
    check_invariants(database, ids)


def gated_tasks(directory: Path, gate: Path) -> list[NewTask]:
    """As many as run at once, each as long as `gate` is not there."""
    return [
        new_task(task_name=function, args=[str(directory), f"{function} {n} {gate.name}", str(gate)])
        for function in ("amark_until", "mark_until")
        for n in range(WORKERS * EACH // 2)
    ]


def suspend(workers: Sequence[WorkerProcess]) -> None:
    """All of them stand still until their leases are over, as on a host that sleeps; nobody is there to judge them."""
    for worker in workers:
        worker.signal(signal.SIGSTOP)
    pass_by(LEASE_SECONDS + 1.0)
    for worker in workers:
        worker.signal(signal.SIGCONT)


def pass_by(seconds: float) -> None:
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() > until, 30)


def dead_workers(database: str) -> int:
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT count(*) FROM lapinq_workers WHERE dead_at IS NOT NULL").fetchone()
    return row[0] if row else 0

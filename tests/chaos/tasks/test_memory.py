"""The memory of a worker stays flat: 200,000 tasks leave nothing behind in it, nor in its children."""

import os
from pathlib import Path

import psycopg
import pytest

from tests.support.eventually import eventually
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

WARM_UP = 40_000
ALL = 200_000
MAX_GROWTH_KIB = 12_000


def memory_of(pid: int) -> int:
    """Resident KiB of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in (pid, *children))
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def completed(database: str) -> int:
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT coalesce(sum(completed), 0) FROM lapinq_counts").fetchone()
    return row[0] if row else 0


@pytest.mark.slow
@pytest.mark.parametrize("function", ["anoop", "noop"])
def test_memory_is_flat(database: str, function: str) -> None:
    with WorkerProcess(database, "--concurrency", "4") as worker:
        sizes = list[int]()
        for goal in range(WARM_UP, ALL + 1, WARM_UP):
            enqueue_all(database, [new_task(task_name=function, args=[]) for _ in range(WARM_UP)])
            eventually(lambda goal=goal: completed(database) == goal, 120, 0.1)
            sizes.append(memory_of(worker.pid))
    assert sizes[-1] - sizes[0] < MAX_GROWTH_KIB, sizes

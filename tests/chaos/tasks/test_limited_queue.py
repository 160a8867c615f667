"""A queue's limit under workers that die and a limit that changes, by a log of starts and ends that tasks write."""

import itertools
import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.tasks.queues.test_limited_queues import limit
from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import Conn, new_task

pytestmark = pytest.mark.slow

TASKS, HIGHEST = 300, 4


def test_never_more_tasks_run_than_the_limit_allows(database: str, tmp_path: Path) -> None:
    chance = random.Random(37)
    journal = tmp_path / "journal"
    set_limit(database, HIGHEST)
    tasks = [
        new_task(
            task_name="atimed",
            args=[str(journal), str(number), chance.uniform(0.005, 0.05)],
            max_retries=9,
        )
        for number in range(TASKS)
    ]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(WorkerProcess(database, "--concurrency", "8", env=QUICK_LEASE))
            for _ in range(3)
        ]
        ids = enqueue_all(database, tasks)
        for share, max_running in ((1, 2), (2, 3)):
            eventually(lambda share=share: statuses(database).get("completed", 0) >= share * TASKS // 4, 60)
            workers.pop().kill()
            set_limit(database, max_running)
        eventually(lambda: statuses(database) == {"completed": TASKS}, 60)
    check_invariants(database, ids)
    assert _most_at_once(journal) in range(2, HIGHEST + 1)


def set_limit(database: str, max_running: int) -> None:
    async def change(conn: Conn) -> None:
        await limit(conn, max_running)

    on_connections(database, change)


def _most_at_once(journal: Path) -> int:
    """How many tasks ran at the same time at most. What a killed worker ran ends with the last line of its process."""
    lines = [line.split() for line in journal.read_text().splitlines()]
    events: list[tuple[float, int]] = []
    open_starts: dict[tuple[str, str], float] = {}
    last_of: dict[str, float] = {}
    for at, what, name, process in lines:
        last_of[process] = float(at)
        if what == "start":
            open_starts[name, process] = float(at)
            events.append((float(at), 1))
        else:
            del open_starts[name, process]
            events.append((float(at), -1))
    events += [(last_of[process], -1) for _, process in open_starts]
    return max(itertools.accumulate(change for _, change in sorted(events)))

"""The worker's program: it ends when it is told to, and not before, whatever its tasks leave behind."""

import os
import signal
from pathlib import Path

from tests.integration.lapinq_worker.desk import task_of
from tests.support.database.invariants import statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import WorkerProcess, children_of
from tests.support.rows.enqueueing import enqueue_all
from tests.support.sample import tasks
from tests.support.sample.starts import starts


def test_what_tasks_leave_behind_neither_ends_it_nor_keeps_it_from_ending(
    database: str, tmp_path: Path
) -> None:
    with WorkerProcess(database) as worker:
        left = [
            task_of(function)
            for function in (tasks.leave_program_ender, tasks.leave_stubborn_task, tasks.leave_stuck_thread)
        ]
        enqueue_all(database, left)
        worker.said("tried to end the program")
        enqueue_all(database, [task_of(tasks.mark, str(tmp_path), "x", 0.8, max_retries=0)])
        eventually(lambda: starts(tmp_path) and statuses(database).get("completed", 0) >= 3)
        # Every process of the service is told, and running functions finish.
        children = children_of(worker.pid)
        assert children
        for pid in (worker.pid, *children):
            os.kill(pid, signal.SIGTERM)
        assert worker.wait(15) == 0
        assert "stopped" in worker.output
        assert statuses(database) == {"completed": 4}

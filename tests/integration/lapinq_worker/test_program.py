"""The worker's program: it ends when it is told to, and not before, whatever its tasks leave behind."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.lapinq_worker.desk import task_of
from tests.support.database.invariants import statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.sample import tasks
from tests.support.sample.starts import starts


def run_on(database: str, function: Callable[..., Any], *args: object) -> None:
    """Enqueues a task and waits until none is left."""
    enqueue_all(database, [task_of(function, *args)])
    eventually(lambda: set(statuses(database)) == {"completed"})


@pytest.mark.parametrize("leave", [tasks.leave_stubborn_task, tasks.leave_stuck_thread])
def test_what_tasks_leave_behind_does_not_keep_it_from_ending(
    database: str, leave: Callable[..., Any]
) -> None:
    with WorkerProcess(database) as worker:
        run_on(database, leave)
        worker.signal(signal.SIGTERM)
        assert worker.wait(15) == 0
        assert "stopped" in worker.output


def test_a_task_left_behind_cannot_end_it(database: str) -> None:
    with WorkerProcess(database) as worker:
        run_on(database, tasks.leave_program_ender)
        worker.said("tried to end the program")
        run_on(database, tasks.aadd, 1, 1)
        assert worker.stop() == 0


def test_running_functions_finish_when_every_process_of_the_service_is_told_to_stop(
    database: str, tmp_path: Path
) -> None:
    with WorkerProcess(database) as worker:
        enqueue_all(database, [task_of(tasks.mark, str(tmp_path), "x", 0.8, max_retries=0)])
        eventually(lambda: starts(tmp_path))
        children = [
            int(child) for child in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        ]
        assert children
        for pid in (worker.pid, *children):
            os.kill(pid, signal.SIGTERM)
        assert worker.wait(15) == 0
        assert statuses(database) == {"completed": 1}

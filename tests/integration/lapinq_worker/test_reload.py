"""`lapinq worker --reload`: a changed file takes effect, and nothing that stands in one ends it."""

import os
import re
import signal
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from tests.support.database.invariants import statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

MODULE = "reloaded_tasks"


def code(value: int) -> str:
    """A module whose size goes with `value`: Python takes a file of the same size and second for the one it knows."""
    return f"async def answer():\n    return {value}\n{'#' * value}\n"


@pytest.fixture
def worker(database: str, tmp_path: Path) -> Generator[WorkerProcess]:
    """One that reloads, in a directory with one module."""
    write(tmp_path, code(1))
    with WorkerProcess(database, "--reload", "--import", MODULE, cwd=tmp_path) as process:
        yield process


def write(directory: Path, text: str) -> None:
    (directory / f"{MODULE}.py").write_text(text)


def boots(worker: WorkerProcess) -> int:
    return len(re.findall(r"worker \S+ serves", worker.output))


def answers(database: str, expected: str) -> None:
    """Waits until a task's function answers so; workers come and go, so any of its tasks will do."""

    def look() -> bool:
        (task,) = enqueue_all(database, [new_task(module_path=MODULE, task_name="answer", args=[])])

        def result() -> str | None:
            with psycopg.connect(database) as conn:
                row = conn.execute(
                    "SELECT result::text FROM lapinq_task_details WHERE id = %s AND status = 'completed'",
                    (task,),
                ).fetchone()
            return row[0] if row else None

        return eventually(result, 20) == expected

    eventually(look, 40)


def test_a_change_takes_effect_and_a_syntax_error_does_not_end_it(
    database: str, worker: WorkerProcess, tmp_path: Path
) -> None:
    answers(database, "1")
    write(tmp_path, code(2))
    answers(database, "2")
    write(tmp_path, "def answer(:\n")
    worker.said("the worker ended with 1; it starts again when a file changes")
    assert "SyntaxError" in worker.output
    write(tmp_path, code(4))
    answers(database, "4")
    assert boots(worker) >= 3
    worker.signal(signal.SIGINT)
    assert worker.wait(20) == 0
    assert worker.output.count(": stopped") >= 2


@pytest.mark.slow
def test_only_python_files_count_and_the_whole_group_may_get_the_signal(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    worker.said("reloads when")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "library.py").write_text("x = 1")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "new.py").write_text("x = 1")
    worker.said(r"package\S* (and 1 more )?changed")
    eventually(lambda: boots(worker) == 2, 20)
    assert "notes.txt" not in worker.output
    assert "library.py" not in worker.output
    # As Ctrl-C on a terminal does.
    os.killpg(worker.pid, signal.SIGINT)
    assert worker.wait(20) == 0
    assert "releasing" not in worker.output


@pytest.mark.slow
def test_it_ends_while_no_worker_runs(worker: WorkerProcess, tmp_path: Path) -> None:
    # Not SystemExit, which the worker takes for a module that can't be imported.
    write(tmp_path, "import os\nos._exit(9)\n")
    worker.said("the worker ended with 9")
    worker.signal(signal.SIGINT)
    assert worker.wait(20) == 0


def test_a_second_signal_stops_it_without_waiting_for_its_tasks(
    database: str, worker: WorkerProcess, tmp_path: Path
) -> None:
    worker.said("reloads when")
    write(tmp_path, "import asyncio\n\nasync def answer():\n    await asyncio.sleep(100)\n")
    eventually(lambda: boots(worker) == 2, 20)
    enqueue_all(database, [new_task(module_path=MODULE, task_name="answer", args=[])])
    eventually(lambda: statuses(database) == {"running": 1}, 20)
    worker.signal(signal.SIGINT)
    worker.said("for 1 running task")

    def insist() -> bool:  # again, for two within moments count as one
        if "releasing" not in worker.output:
            worker.signal(signal.SIGINT)
        return "releasing" in worker.output

    eventually(insist, 20, interval=0.5)
    assert worker.wait() == 0
    assert statuses(database) == {"pending": 1}


@pytest.mark.slow
def test_changes_during_a_restart_are_not_lost_and_no_worker_outlives_its_parent(
    database: str, worker: WorkerProcess, tmp_path: Path
) -> None:
    for value in range(5, 25):
        write(tmp_path, code(value))
    answers(database, "24")
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    (child,) = eventually(lambda: children.read_text().split())  # none between two
    worker.kill()
    eventually(
        lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text(), 20
    )

"""Workers that are quieted and stopped over HTTP, as an operator does."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.programs.command_line import lapinq_at
from tests.support.programs.processes import QUICK_LEASE, REPOSITORY, ApiProcess, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import starts


def ask(api: ApiProcess, order: str, name: str) -> str:
    """The id of the worker of that name, which is asked for that."""
    worker = eventually(lambda: seen(api, name))["id"]
    answer = httpx.post(f"{api.url}/api/v1/workers/{worker}/{order}", trust_env=False)
    assert answer.status_code == 200, answer.text
    return worker


def seen(api: ApiProcess, name: str) -> dict[str, Any]:
    """The worker of that name, {} where there is none."""
    found: list[dict[str, Any]] = httpx.get(f"{api.url}/api/v1/workers", trust_env=False).json()["workers"]
    named = [worker for worker in found if worker["name"] == name]
    return named[0] if named else {}


def test_a_worker_that_a_command_stops_lets_its_task_end_and_exits_with_0(
    database: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    tasks = [new_task(task_name="mark_until", args=[str(tmp_path), f"t{n}", str(gate)]) for n in range(2)]
    with (
        ApiProcess(database) as api,
        WorkerProcess(database, "--concurrency", "1", "--name", "box", env=QUICK_LEASE) as worker,
    ):
        ids = enqueue_all(database, tasks)
        eventually(lambda: len(starts(tmp_path)) == 1, 30)
        assert eventually(lambda: seen(api, "box")["running"]) == 1
        stop = ("worker", "stop", "box", "--wait")
        command = [sys.executable, "-m", "lapinq", *stop, "--server", api.url]
        with subprocess.Popen(command, cwd=REPOSITORY) as waiting:
            worker.said("anonymous asked this worker to stop")
            late = lapinq_at(("--server", api.url), *stop, "--timeout", "0")
            assert (late.exit_code, late.stdout.startswith("asked box (")) == (1, True)
            assert late.stderr.startswith("Error: still stopping: box (")
            assert seen(api, "box")["state"] == "stopping"
            assert statuses(database) == {"running": 1, "pending": 1}
            assert waiting.poll() is None
            gate.touch()
            assert waiting.wait(30) == 0
        assert worker.wait() == 0
        assert statuses(database) == {"completed": 1, "pending": 1}
        assert seen(api, "box") == {}
        check_invariants(database, ids)


def test_other_workers_take_the_tasks_that_a_quiet_one_leaves(database: str, tmp_path: Path) -> None:
    with (
        ApiProcess(database) as api,
        WorkerProcess(database, "--name", "first", env=QUICK_LEASE),
        WorkerProcess(database, "--name", "second", env=QUICK_LEASE),
    ):
        quiet = ask(api, "quiet", "first")
        eventually(lambda: seen(api, "first")["state"] == "quiet")
        ids = enqueue_all(
            database, [new_task(task_name="amark", args=[str(tmp_path), f"t{n}"]) for n in range(50)]
        )
        eventually(lambda: statuses(database) == {"completed": 50}, 30)
        found = [httpx.get(f"{api.url}/api/v1/tasks/{task}", trust_env=False).json() for task in ids]
        assert {task["worker_id"] for task in found} == {seen(api, "second")["id"]}
        ask(api, "quiet", "second")
        eventually(lambda: seen(api, "second")["state"] == "quiet")
        ask(api, "resume", "first")
        enqueue_all(database, [new_task(task_name="amark", args=[str(tmp_path), "last"])])
        eventually(lambda: statuses(database) == {"completed": 51}, 30)
        newest = httpx.get(f"{api.url}/api/v1/tasks?limit=1", trust_env=False).json()[0]
        assert newest["worker_id"] == quiet
        check_invariants(database, ids)


def test_a_worker_that_would_re_execute_exits_when_it_was_asked_to_stop(
    database: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    limits = ("--time-limit-grace", "0.2", "--name", "box")
    with ApiProcess(database) as api, WorkerProcess(database, *limits, env=QUICK_LEASE) as worker:
        enqueue_all(
            database,
            [
                new_task(task_name="stubborn", args=[], timeout_seconds=0.3, max_retries=0),
                new_task(task_name="amark_until", args=[str(tmp_path), "t", str(gate)]),
            ],
        )
        # From then on it only waits for the other to begin anew.
        eventually(lambda: statuses(database) == {"failed": 1, "running": 1}, 30)
        ask(api, "stop", "box")
        worker.said("asked this worker to stop")
        gate.touch()
        assert worker.wait() == 0
        assert worker.output.endswith("stopped\n")
        assert statuses(database) == {"failed": 1, "completed": 1}

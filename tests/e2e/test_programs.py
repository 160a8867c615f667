"""The programs as a newcomer and an operator start them."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import httpx
import pytest

from lapinq_core.db.embedded import EmbeddedDatabase
from lapinq_core.db.migrate import migrate
from tests.support.database import postgres
from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.http.people import log_in
from tests.support.programs.embedded import open_directory
from tests.support.programs.processes import ApiProcess, Program, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import starts


def post(url: str, body: object) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def insisted(worker: Program) -> bool:
    if "releasing 2 tasks" in worker.output:
        return True
    worker.signal(signal.SIGTERM)
    return False


def run_one(api: str) -> None:
    """A task of the standard library, from enqueueing to its result."""
    body = {"module_path": "math", "task_name": "factorial", "args": [20]}
    task = post(f"{api}/api/v1/enqueue", body)["task_id"]
    result = f"{api}/api/v1/tasks/{task}/result"
    done = eventually(lambda: (answer := get(result)).get("status") == "completed" and answer, 30)
    assert done["result"] == "2432902008176640000"
    with httpx.Client(base_url=api, trust_env=False) as browser:
        log_in(browser)
        # A look has a budget of time, which on a busy machine may be over before the first task is found.
        eventually(lambda: "factorial" in browser.get("/tasks").text)


def test_one_command_serves_on_an_embedded_database_and_leaves_nothing_running() -> None:
    with open_directory() as directory:
        env = {"LAPINQ_DATA_DIR": str(directory / "data")}
        with Program("server", "--worker", "--scheduler", "--port", "0", env=env) as server:
            address = server.said(r"dashboard (http://\S+:\d+)/").group(1)
            assert "for development" in server.output
            run_one(address)
            with Program("worker", "--concurrency", "1", env=env) as worker:
                worker.said(r"serves all queues")
                assert worker.stop() == 0
            assert server.stop() == 0
        assert EmbeddedDatabase(directory / "data").status().state == "stopped"


def test_an_embedded_database_that_is_killed_comes_back_under_a_running_server() -> None:
    with open_directory() as directory:
        env = {"LAPINQ_DATA_DIR": str(directory / "data")}
        with Program("server", "--worker", "--port", "0", env=env) as server:
            address = server.said(r"dashboard (http://\S+:\d+)/").group(1)
            run_one(address)
            pid = EmbeddedDatabase(directory / "data").status().pid
            assert pid is not None
            subprocess.run(["kill", "-KILL", str(pid)], check=True)
            eventually(lambda: EmbeddedDatabase(directory / "data").status().pid not in (None, pid), 30)

            def works() -> bool:
                try:
                    run_one(address)
                except OSError:
                    return False
                return True

            eventually(works, 30, 0.2)


def test_the_console_scripts_work_side_by_side(database: str) -> None:
    def script(name: str) -> str:
        return str(Path(sys.executable).parent / name)

    class Script(Program):
        def command(self, *arguments: str) -> list[str]:
            return list(arguments)

    with (
        Script(script("lapinq-api"), "--port", "0", "--database-url", database) as api,
        Script(script("lapinq-worker"), "--database-url", database) as worker,
        Script(script("lapinq-scheduler"), "--database-url", database) as scheduler,
    ):
        worker.said("serves all queues")
        scheduler.said("scheduler started")
        run_one(api.said(r"http://\S+:\d+").group(0))
        assert [program.stop() for program in (api, worker, scheduler)] == [0, 0, 0]


def test_programs_may_start_before_the_schema_is_there(postgres_url: str) -> None:
    with (
        postgres.private_database(postgres_url) as empty,
        Program("worker", "--database-url", empty) as worker,
        Program("scheduler", "--database-url", empty) as scheduler,
    ):
        worker.said("run `lapinq migrate`")
        scheduler.said("run `lapinq migrate`")
        migrate(empty)
        worker.said("serves all queues")
        with ApiProcess(empty) as api:
            run_one(api.url)


@pytest.mark.parametrize("command", [("server", "--port", "0"), ("worker",), ("scheduler",), ("migrate",)])
def test_without_a_database_and_without_programs_for_one_the_ways_to_go_on_are_named(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    env = {"LAPINQ_PG_BIN": str(tmp_path), "LAPINQ_DATA_DIR": str(tmp_path / "data")}
    with Program(*command, env=env) as program:
        assert program.wait() == 3
        for way in ("DATABASE_URL", "lapinq[embedded]", "LAPINQ_PG_BIN"):
            assert way in program.output


@pytest.mark.parametrize("function", ["amark_until", "mark_until"])
def test_a_stopping_worker_lets_running_tasks_end_and_hands_back_the_rest(
    database: str, tmp_path: Path, function: str
) -> None:
    gate = tmp_path / "gate"
    tasks = [new_task(task_name=function, args=[str(tmp_path), f"t{n}", str(gate)]) for n in range(5)]
    with WorkerProcess(database, "--concurrency", "2") as worker:
        ids = enqueue_all(database, tasks)
        eventually(lambda: len(starts(tmp_path)) == 2, 30)
        worker.signal(signal.SIGTERM)
        worker.said("2 running tasks")
        gate.touch()
        assert worker.wait() == 0
    assert statuses(database) == {"completed": 2, "pending": 3}
    assert len(starts(tmp_path)) == 2
    check_invariants(database, ids)


@pytest.mark.parametrize("function", ["amark_until", "mark_until"])
def test_a_second_signal_hands_running_tasks_back_at_once(
    database: str, tmp_path: Path, function: str
) -> None:
    gate = tmp_path / "gate"
    tasks = [
        new_task(task_name=function, args=[str(tmp_path), "again", str(gate)], max_retries=1),
        new_task(task_name=function, args=[str(tmp_path), "once", str(gate)], max_retries=0),
    ]
    with WorkerProcess(database, "--concurrency", "2") as worker:
        ids = enqueue_all(database, tasks)
        eventually(lambda: len(starts(tmp_path)) == 2, 30)
        worker.signal(signal.SIGTERM)
        worker.said("2 running tasks")
        # Signals within moments of each other count as one, so it is sent until it is taken for a second.
        eventually(lambda: insisted(worker), 15, 0.5)
        assert worker.wait(10) == 0
    assert statuses(database) == {"pending": 1, "failed": 1}
    gate.touch()
    with WorkerProcess(database):
        eventually(lambda: statuses(database) == {"completed": 1, "failed": 1}, 30)
    check_invariants(database, ids)


@pytest.mark.parametrize("function", ["stubborn", "spin"])
def test_a_server_ends_although_a_task_inside_it_never_does(database: str, function: str) -> None:
    with ApiProcess(
        database, "--worker", "--worker-pool", "threads", env={"LAPINQ_SHUTDOWN_GRACE": "0.5"}
    ) as server:
        enqueue_all(database, [new_task(task_name=function, args=[])])
        eventually(lambda: statuses(database) == {"running": 1}, 30)
        server.signal(signal.SIGTERM)
        assert server.wait(30) == 0
    assert statuses(database) == {"pending": 1}


def test_a_server_ends_although_the_import_of_a_task_never_does(database: str, tmp_path: Path) -> None:
    env = {"LAPINQ_SHUTDOWN_GRACE": "0.5", "TEST_ENDLESS_IMPORT": str(tmp_path / "never")}
    with ApiProcess(database, "--worker", env=env) as server:
        enqueue_all(
            database,
            [new_task(module_path="tests.support.sample.endless_module", task_name="f", args=[])],
        )
        eventually(lambda: statuses(database) == {"running": 1}, 30)
        server.signal(signal.SIGTERM)
        assert server.wait(30) == 0
    assert statuses(database) == {"pending": 1}

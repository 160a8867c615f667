"""The programs as an operator starts them, each by itself, and as a newcomer does, all in one process."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from lapinq_core.db.embedded import EmbeddedDatabase
from lapinq_core.db.migrate import migrate
from tests.support.database import postgres
from tests.support.database.invariants import check_invariants, statuses
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually
from tests.support.http.people import log_in
from tests.support.http.receiver import SECRET, receiving
from tests.support.programs.command_line import lapinq, lapinq_at
from tests.support.programs.daemons import Daemon
from tests.support.programs.embedded import open_directory
from tests.support.programs.log_lines import own_tracebacks
from tests.support.programs.processes import QUICK_LEASE, ApiProcess, Program, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import starts

SAMPLE = "tests.support.sample.tasks"
PLANNED = "tests.support.sample.planned"


class Script(Daemon):
    """A console script."""

    def command(self, *arguments: str) -> list[str]:
        name, *rest = arguments
        return [str(Path(sys.executable).parent / name), *rest]


class Programs(NamedTuple):
    database: str
    api: Script
    worker: Script
    scheduler: Script


@pytest.fixture(scope="module")
def programs(postgres_url: str) -> Iterator[Programs]:
    """Each by itself. The worker and the scheduler were started before the schema was there."""
    with postgres.private_database(postgres_url) as url:
        env = {"DATABASE_URL": url, "LAPINQ_WEBHOOK_ALLOW": "127.0.0.1", "LAPINQ_WEBHOOK_SECRET": SECRET}
        with (
            Script("lapinq-worker", "--metrics-port", "0", "--queue", "default", env=env) as worker,
            Script("lapinq-scheduler", "--metrics-port", "0", "--schedules", PLANNED, env=env) as scheduler,
        ):
            for program in (worker, scheduler):
                program.said("run `lapinq migrate`")
                assert [probe(program, path) for path in ("livez", "readyz")] == [200, 503]
            migrate(url)
            worker.said(r"worker \S+ serves")
            scheduler.said("scheduler started")
            with Script("lapinq-api", "--port", "0", env=env) as api:
                yield Programs(url, api, worker, scheduler)
                ended = (api, worker, scheduler)
                assert [program.stop() for program in ended] == [0, 0, 0]
                assert [own_tracebacks(program.output) for program in ended] == [[], [], []]


def probe(program: Daemon, path: str) -> int:
    return get(program.metrics_url.replace("metrics", path)).status_code


def scraped(program: Daemon) -> Scraped:
    return Scraped(get(program.metrics_url).text)


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False)


def run_one(api: str) -> None:
    """A task of the standard library, from enqueueing to its result."""
    body = {"module_path": "math", "task_name": "factorial", "args": [20]}
    with httpx.Client(base_url=api, trust_env=False) as browser:
        task = browser.post("/api/v1/enqueue", json=body).json()["task_id"]
        result = f"/api/v1/tasks/{task}/result"
        done = eventually(
            lambda: (answer := browser.get(result).json()).get("status") == "completed" and answer, 30
        )
        assert done["result"] == "2432902008176640000"
        log_in(browser)
        # A look has a budget of time, which on a busy machine may be over before the first task is found.
        eventually(lambda: "factorial" in browser.get("/tasks").text)


def completed_of_schedule(database: str) -> int:
    with psycopg.connect(database) as conn:
        row = conn.execute(
            "SELECT count(*) FROM lapinq_attempts a JOIN lapinq_tasks t ON t.id = a.task_id"
            " WHERE t.metadata->>'schedule' = %s AND a.outcome = 'completed' AND t.priority = 2",
            [f"{PLANNED}.add"],
        ).fetchone()
    return row[0] if row else 0


def test_a_task_runs_and_each_says_that_it_is_well_and_shows_its_metrics(programs: Programs) -> None:
    run_one(programs.api.url)
    for program, daemon in ((programs.worker, "worker"), (programs.scheduler, "scheduler")):
        eventually(lambda program=program: probe(program, "readyz") == 200, 30)
        at = program.metrics_url.removesuffix("/metrics")
        with Program("health", daemon, "--ready", "--url", at) as health:
            assert (health.wait(), health.output) == (0, '{"status": "ready"}\n')
    eventually(lambda: scraped(programs.worker).value("lapinq_worker_lease_current") == 1)
    chore = {"part": "scheduler", "chore": "promote"}
    eventually(lambda: (scraped(programs.scheduler).value("lapinq_chore_seconds_count", **chore) or 0) >= 1)
    eventually(lambda: scraped(programs.scheduler).value("lapinq_chore_lag_seconds", **chore) == 0)
    assert scraped(programs.scheduler).value("lapinq_database_pool_waiting", part="scheduler") == 0


def test_a_scheduler_stores_what_a_module_declares_and_a_worker_runs_it(programs: Programs) -> None:
    programs.scheduler.said(rf"schedule {PLANNED}.add: created")
    eventually(lambda: completed_of_schedule(programs.database) >= 2, 30)
    applied = lapinq(programs.database, "schedule", "apply", PLANNED)
    assert applied.stdout.splitlines()[-1] == "nothing changed: 3 unchanged"


def test_webhooks_tell_of_what_completed_and_what_failed(programs: Programs) -> None:
    with receiving() as receiver:
        common = {"module_path": SAMPLE, "max_retries": 0, "webhook_url": receiver.url}
        tasks = [{"task_name": "add", "args": [1, 2]}, {"task_name": "afail", "args": ["no"]}]
        body = [one | common for one in tasks]
        answer = httpx.post(f"{programs.api.url}/api/v1/enqueue/batch", json=body, trust_env=False)
        assert answer.status_code == 201, answer.text
        eventually(lambda: len(receiver.received) == 2, 30)
        told = {received.told["task_id"]: received.told for received in receiver.received}
        completed, failed = (told[task] for task in answer.json()["task_ids"])
        assert (completed["status"], completed["result"]) == ("completed", "3")
        assert (failed["status"], failed["result"], failed["error"]) == ("failed", None, "ValueError: no")
        assert all(received.is_signed_with(SECRET) for received in receiver.received)
    seen = scraped(programs.scheduler)
    assert (seen.value("lapinq_webhook_tries_total", outcome="delivered") or 0) >= 1


def test_a_worker_re_executes_after_a_task_that_cannot_be_ended_unless_it_was_asked_to_stop(
    programs: Programs, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    gate = tmp_path / "gate"
    stubborn: dict[str, Any] = {
        "task_name": "stubborn",
        "queue_name": "stubborn",
        "args": [],
        "timeout_seconds": 0.3,
    }
    waits = new_task(task_name="amark_until", queue_name="stubborn", args=[str(tmp_path), "t", str(gate)])
    flags = ("--time-limit-grace", "0.2", "--name", "anew", "--queue", "stubborn", "--metrics-port", port)
    with WorkerProcess(programs.database, *flags, env=QUICK_LEASE) as worker:
        enqueue_all(programs.database, [new_task(**stubborn, max_retries=0)])
        worker.said("re-executing")
        eventually(lambda: worker.output.count("metrics at") == 2, 30)
        assert Scraped(get(f"http://127.0.0.1:{port}/metrics").text).total("lapinq_task_outcomes_total") == 0
        enqueue_all(programs.database, [new_task(**stubborn, max_retries=0), waits])
        url = f"{programs.api.url}/api/v1/queues/stubborn"
        # From then on it only waits for the other before it re-executes.
        eventually(lambda: (one := get(url).json())["failed"] == 2 and one["running"] == 1, 30)
        assert lapinq_at(("--server", programs.api.url), "worker", "stop", "anew").exit_code == 0
        worker.said("asked this worker to stop")
        gate.touch()
        assert worker.wait() == 0
        assert worker.output.endswith("stopped\n")
    assert get(url).json()["completed"] == 1


def test_a_worker_warns_of_variables_and_hands_the_file_of_variables_to_its_tasks(
    programs: Programs, tmp_path: Path
) -> None:
    (tmp_path / "mailing.py").write_text(
        "import os\n\n\ndef send_mail():\n    return os.environ['SHOP_SENDER']\n"
    )
    (tmp_path / "shop.env").write_text("SHOP_SENDER='lisa <lisa@shop.example>'\nLAPINQ_WORKER_NAME=no\n")
    env = {"LAPINQ_WORKER_CONCURENCY": "2", "LAPINQ_WORKER_NAME": "counter-1"}
    flags = ("--env-file", str(tmp_path / "shop.env"), "--import", "mailing", "--queue", "counter")
    with WorkerProcess(programs.database, *flags, env=env, cwd=tmp_path) as worker:
        worker.said(
            "the variable LAPINQ_WORKER_CONCURENCY has no effect: lapinq has no such setting;"
            r" did you mean LAPINQ_WORKER_CONCURRENCY\?"
        )
        worker.said("counter-1")
        task = new_task(task_name="send_mail", module_path="mailing", queue_name="counter", args=[])
        enqueue_all(programs.database, [task])
        url = f"{programs.api.url}/api/v1/tasks/{task.id}"
        shown: dict[str, Any] = eventually(lambda: (one := get(url).json())["completed_at"] and one, 30)
        assert shown["result"] == '"lisa <lisa@shop.example>"'


def test_one_command_serves_on_an_embedded_database_that_may_be_killed_and_leaves_nothing_running() -> None:
    with open_directory() as directory:
        data = directory / "data"
        env = {"LAPINQ_DATA_DIR": str(data), "LAPINQ_SCHEDULE_MODULES": PLANNED}
        with Program("server", "--worker", "--scheduler", "--port", "0", env=env) as server:
            address = server.said(r"dashboard (http://\S+:\d+)/").group(1)
            assert "for development" in server.output
            run_one(address)
            url = EmbeddedDatabase(data).status().url
            assert url is not None
            eventually(lambda: completed_of_schedule(url) >= 1, 30)
            with Program("worker", "--concurrency", "1", env=env) as worker:
                worker.said(r"serves all queues")
                assert worker.stop() == 0

            pid = EmbeddedDatabase(data).status().pid
            assert pid is not None
            subprocess.run(["kill", "-KILL", str(pid)], check=True)
            eventually(lambda: EmbeddedDatabase(data).status().pid not in (None, pid), 30)

            def works() -> bool:
                try:
                    run_one(address)
                except (httpx.HTTPError, KeyError):
                    return False
                return True

            eventually(works, 30, 0.2)
            seen = Scraped(get(f"{address}/metrics").text)
            assert seen.labels("lapinq_chore_seconds_count", "part") == {"worker", "scheduler", "cron"}
            parts = {"api", "api scans", "worker", "scheduler", "cron"}
            assert seen.labels("lapinq_database_pool_waiting", "part") == parts
            assert seen.labels("lapinq_webhook_tries_total", "outcome") == {"delivered", "failed", "given_up"}
            assert server.stop() == 0
        assert EmbeddedDatabase(data).status().state == "stopped"


def test_a_second_signal_hands_running_tasks_back_at_once(database: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    tasks = [
        new_task(task_name=function, args=[str(tmp_path), name, str(gate)], max_retries=retries)
        for function in ("amark_until", "mark_until")
        for name, retries in ((f"{function} again", 1), (f"{function} once", 0))
    ]
    with WorkerProcess(database, "--concurrency", "4") as worker:
        ids = enqueue_all(database, tasks)
        eventually(lambda: len(starts(tmp_path)) == 4, 30)
        worker.signal(signal.SIGTERM)
        worker.said("4 running tasks")

        def insisted() -> bool:
            if "releasing 4 tasks" in worker.output:
                return True
            worker.signal(signal.SIGTERM)
            return False

        # Signals within moments of each other count as one, so it is sent until it is taken for a second.
        eventually(insisted, 15, 0.5)
        assert worker.wait(10) == 0
    assert statuses(database) == {"pending": 2, "failed": 2}
    check_invariants(database, ids)


def test_a_server_ends_although_tasks_inside_it_and_their_imports_never_do(
    database: str, tmp_path: Path
) -> None:
    env = {"LAPINQ_SHUTDOWN_GRACE": "0.5", "TEST_ENDLESS_IMPORT": str(tmp_path / "never")}
    with ApiProcess(database, "--worker", "--worker-pool", "threads", env=env) as server:
        endless = new_task(module_path="tests.support.sample.endless_module", task_name="f", args=[])
        enqueue_all(
            database, [*(new_task(task_name=name, args=[]) for name in ("stubborn", "spin")), endless]
        )
        eventually(lambda: statuses(database) == {"running": 3}, 30)
        server.signal(signal.SIGTERM)
        assert server.wait(30) == 0
    assert statuses(database) == {"pending": 3}


@pytest.mark.slow
def test_a_worker_whose_event_loop_is_held_up_still_shows_it(database: str) -> None:
    with Daemon("lapinq-worker", "--database-url", database, "--metrics-port", "0") as worker:
        enqueue_all(database, [new_task(task_name="abusy", module_path=SAMPLE, args=[5.0])])
        eventually(lambda: scraped(worker).value("lapinq_worker_slots", state="busy") == 1)

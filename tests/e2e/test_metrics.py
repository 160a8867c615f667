"""What real workers, schedulers and servers show to Prometheus after tasks ran."""

import signal
import socket
from pathlib import Path

import httpx
import pytest

from lapinq_core.domain.tasks.task import NewTask
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually
from tests.support.programs.log_lines import own_tracebacks
from tests.support.programs.processes import ApiProcess, Program, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample import tasks

MODULE = tasks.__name__

SLOTS = 60
"""One for each task of `batch`, so none is released behind slow ones: a released task's wait counts once more."""


def scrape(url: str) -> Scraped:
    response = httpx.get(url, trust_env=False)
    assert response.status_code == 200
    return Scraped(response.text)


def metrics_url(program: Program) -> str:
    return program.said(r"metrics at (http://\S+/metrics)")[1]


def batch() -> list[NewTask]:
    """Forty on the event loop, ten in children; five fail with a retry to come, one for good; one fire and forget."""
    return [
        *(new_task(task_name="aadd", module_path=MODULE, queue_name="fast") for _ in range(40)),
        *(new_task(queue_name="plain") for _ in range(10)),
        *(
            new_task(task_name="afail", module_path=MODULE, queue_name="fast", args=["no"], retry_delay=600)
            for _ in range(5)
        ),
        new_task(task_name="fail", module_path=MODULE, queue_name="plain", args=["no"], max_retries=0),
        new_task(task_name="aadd", module_path=MODULE, queue_name="fast", ttl_seconds=0),
    ]


def outcomes(seen: Scraped, queue: str, task: str, outcome: str) -> float | None:
    return seen.value("lapinq_task_outcomes_total", queue=queue, task=task, outcome=outcome)


def check(seen: Scraped) -> None:
    assert outcomes(seen, "fast", "aadd", "completed") == 41
    assert outcomes(seen, "plain", "add", "completed") == 10
    assert outcomes(seen, "fast", "afail", "retried") == 5
    assert outcomes(seen, "plain", "fail", "failed") == 1
    assert seen.value("lapinq_task_run_seconds_count", queue="fast") == 46
    assert seen.value("lapinq_task_run_seconds_count", queue="plain") == 11
    assert seen.value("lapinq_task_wait_seconds_count", queue="fast") == 46
    assert seen.value("lapinq_task_wait_seconds_count", queue="plain") == 11
    assert (seen.value("lapinq_task_wait_seconds_bucket", queue="plain", le="60.0")) == 11
    assert seen.value("lapinq_worker_slots", state="free") == SLOTS
    assert seen.value("lapinq_worker_slots", state="busy") == 0
    assert seen.value("lapinq_worker_claimed_ahead") == 0
    assert seen.value("lapinq_worker_lease_current") == 1
    assert seen.value("lapinq_task_results_refused_total") == 0
    assert seen.value("lapinq_tasks_rescued_total") == 0
    assert seen.value("lapinq_chore_failures_total", part="worker", chore="promote") == 0


def has_ended(url: str) -> bool:
    seen = scrape(url)
    return (
        seen.total("lapinq_task_outcomes_total") == 57
        and seen.value("lapinq_worker_slots", state="busy") == 0
        and seen.value("lapinq_listener_connected", part="worker") == 1
        and bool(seen.value("lapinq_chore_seconds_count", part="worker", chore="promote"))
    )


def test_a_worker_shows_what_it_ran(database: str) -> None:
    enqueue_all(database, batch())
    with WorkerProcess(database, "--metrics-port", "0", "--concurrency", str(SLOTS)) as worker:
        url = metrics_url(worker)
        eventually(lambda: has_ended(url))
        check(scrape(url))
        assert worker.stop() == 0
        assert own_tracebacks(worker.output) == []


def test_a_worker_whose_event_loop_is_held_up_still_shows_it(database: str) -> None:
    with WorkerProcess(database, "--metrics-port", "0") as worker:
        url = metrics_url(worker)
        enqueue_all(database, [new_task(task_name="abusy", module_path=MODULE, args=[5.0])])
        eventually(lambda: scrape(url).value("lapinq_worker_slots", state="busy") == 1)
        # Starts are counted in batches, as ends are: when the event loop turns again.
        eventually(lambda: scrape(url).value("lapinq_task_wait_seconds_count", queue="default") == 1)


def test_a_worker_that_begins_anew_serves_on_the_same_port(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    limits = ("--task-timeout", "0.5", "--time-limit-grace", "0.2")
    with WorkerProcess(database, "--metrics-port", port, *limits) as worker:
        url = metrics_url(worker)
        stuck = new_task(task_name="abusy", module_path=MODULE, args=[600.0], max_retries=0)
        enqueue_all(database, [stuck])
        worker.said("re-executing")
        eventually(lambda: worker.output.count("metrics at") == 2, timeout=30)
        assert scrape(url).total("lapinq_task_outcomes_total") == 0
        assert "can't serve" not in worker.output


def test_a_worker_shows_itself_while_the_database_is_away(tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@/none?host={tmp_path}"
    with Program("worker", "--database-url", nowhere, "--metrics-port", "0") as worker:
        assert "lapinq_build_info" in scrape(metrics_url(worker)).families
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0


def test_a_scheduler_shows_its_chores(database: str) -> None:
    with Program("scheduler", "--database-url", database, "--metrics-port", "0") as scheduler:
        url = metrics_url(scheduler)
        labels = {"part": "scheduler", "chore": "promote"}
        eventually(lambda: (scrape(url).value("lapinq_chore_seconds_count", **labels) or 0) >= 1)
        eventually(lambda: scrape(url).value("lapinq_chore_lag_seconds", **labels) == 0)
        assert scrape(url).value("lapinq_database_pool_waiting", part="scheduler") == 0
        eventually(lambda: scrape(url).value("lapinq_webhook_tries_total", outcome="delivered") == 0)


def test_a_server_shows_the_worker_and_the_scheduler_in_it(database: str) -> None:
    with ApiProcess(database, "--worker", "--worker-concurrency", str(SLOTS), "--scheduler") as server:
        url = f"{server.url}/metrics"
        enqueue_all(database, batch())
        eventually(lambda: has_ended(url), timeout=30)
        seen = scrape(url)
        check(seen)
        assert seen.labels("lapinq_chore_seconds_count", "part") == {"worker", "scheduler", "cron"}
        assert seen.labels("lapinq_webhook_tries_total", "outcome") == {"delivered", "failed", "given_up"}
        parts = {"api", "api scans", "worker", "scheduler", "cron"}
        assert seen.labels("lapinq_database_pool_waiting", "part") == parts

        def is_counted() -> bool:
            return scrape(url).value("lapinq_tasks", queue="fast", status="completed") == 40

        eventually(is_counted)
        assert scrape(url).value("lapinq_tasks", queue="fast", status="pending") == 5


@pytest.mark.parametrize("command", ["worker", "scheduler"])
def test_a_port_that_is_taken_keeps_it_from_starting(database: str, command: str) -> None:
    with Program(command, "--database-url", database, "--metrics-port", "0") as first:
        port = metrics_url(first).rpartition(":")[2].partition("/")[0]
        with Program(command, "--database-url", database, "--metrics-port", port) as second:
            assert second.wait() == 1
            assert (
                f"Error: can't serve metrics on port {port} of 127.0.0.1: address already in use"
                in second.output
            )
            assert "Traceback" not in second.output

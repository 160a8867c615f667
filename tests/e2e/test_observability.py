"""A real Prometheus scrapes real processes: every panel of the dashboard has data, and trouble makes alerts fire."""

import re
import shutil
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.database.outage import fragile_server
from tests.support.deployment.prometheus import Prometheus, prometheus
from tests.support.eventually import eventually
from tests.support.http.receiver import Receiver, receiving
from tests.support.programs.processes import QUICK_LEASE, ApiProcess, Program, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("prometheus"), reason="needs Debian's package prometheus"),
]

ENVIRONMENT = {**QUICK_LEASE, "LAPINQ_WEBHOOK_ALLOW": "127.0.0.1"}
MODULE = "tests.support.sample.tasks"
SECONDS = 60.0

TROUBLES = {
    "LapinqQueueWaitsLong",
    "LapinqQueueNotServed",
    "LapinqQueuePaused",
    "LapinqFailuresMany",
    "LapinqTasksRescued",
    "LapinqWebhooksGivenUp",
    "LapinqTargetDown",
}
OUTAGE = {
    "LapinqDatabaseDown",
    "LapinqBreakerOpen",
    "LapinqApiErrors",
    "LapinqListenerDisconnected",
    "LapinqLeaseNotCurrent",
    "LapinqChoreFails",
}


def metrics_address(program: Program) -> str:
    return program.said(r"metrics at http://(\S+)/metrics")[1]


def call(server: ApiProcess, path: str, body: Any) -> None:
    answer = httpx.post(f"{server.url}/api/v1/{path}", json=body, trust_env=False)
    assert answer.is_success, answer.text


def task(name: str, queue: str, **fields: Any) -> dict[str, Any]:
    return {"module_path": MODULE, "task_name": name, "queue_name": queue, **fields}


def load(server: ApiProcess, receiver: Receiver) -> None:
    """Tasks of every kind: such as complete, fail, are retried, tell of their end, and come by schedule."""
    hook = {"webhook_url": receiver.url}
    batch = [
        *(task("aadd", "mail", args=[1, 1]) for _ in range(40)),
        *(task("fail", "mail", args=["no"], max_retries=0) for _ in range(40)),
        *(
            task("afail", "mail", args=["no"], max_retries=3, retry_delay=0.5, retry_backoff=False)
            for _ in range(4)
        ),
        *(task("add", "mail", args=[1, 1], **hook) for _ in range(3)),
    ]
    call(server, "enqueue/batch", batch)
    call(server, "schedules", {"name": "often", "task_name": "anoop", "module_path": MODULE, "every": "1s"})


def make_older(database: str, queue: str, seconds: int) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE lapinq_tasks SET created_at = created_at - %s * interval '1 second' WHERE queue_name = %s",
            (seconds, queue),
        )


def shows_everything(seen: Prometheus) -> bool:
    """Whether every panel has data; says which have none where it is waited for in vain."""
    missing = seen.without_data()
    print("without data:", missing)
    return not missing


def firing(seen: Prometheus, names: set[str]) -> bool:
    """Whether all of these fire; says which don't where it is waited for in vain."""
    missing = {name for name in names if "firing" not in seen.alerts().get(name, set())}
    print("not firing:", missing)
    return not missing


def test_every_panel_has_data_and_troubles_are_told() -> None:
    with (
        receiving() as receiver,
        fragile_server() as database,
        ApiProcess(
            database.url,
            *("--worker", "--worker-queues", "mail", "--worker-queues", "default", "--scheduler"),
            env=ENVIRONMENT,
        ) as server,
        WorkerProcess(database.url, "--metrics-port", "0", "-q", "video", env=ENVIRONMENT) as worker,
        Program(
            "scheduler", "--database-url", database.url, "--metrics-port", "0", env=ENVIRONMENT
        ) as scheduler,
        prometheus(
            {
                "lapinq-api": server.url.removeprefix("http://"),
                "lapinq-worker": metrics_address(worker),
                "lapinq-scheduler": metrics_address(scheduler),
            }
        ) as seen,
    ):
        eventually(lambda: len(seen.values('up{job=~"lapinq.*"} == 1')) == 3, SECONDS)
        eventually(lambda: not seen.alerts(), SECONDS)
        load(server, receiver)
        # Counters begin to move once Prometheus has seen them.
        eventually(lambda: seen.values('lapinq_task_outcomes_total{outcome="failed"} >= 40'), SECONDS)
        receiver.answer = lambda _: (410, {})
        load_again = [task("fail", "mail", args=["no"], max_retries=0) for _ in range(40)]
        call(
            server, "enqueue/batch", [*load_again, task("add", "mail", args=[1, 1], webhook_url=receiver.url)]
        )
        for queue, seconds in {"nobody": 400, "paused": 4000}.items():
            enqueue_all(database.url, [new_task(queue_name=queue)])
            make_older(database.url, queue, seconds)
        call(server, "queues/paused/pause", {"reason": "a test"})
        eventually(lambda: shows_everything(seen), SECONDS)
        enqueue_all(database.url, [new_task(task_name="asleep", queue_name="video", args=[600])])
        eventually(
            lambda: seen.values('lapinq_worker_slots{job="lapinq-worker", state="busy"} == 1'), SECONDS
        )
        worker.kill()
        eventually(lambda: firing(seen, TROUBLES), SECONDS)
        assert not set(seen.alerts()) & (OUTAGE | {"LapinqNoWorker", "LapinqApiAbsent", "LapinqRestarts"})
        database.stop()

        def outage() -> bool:
            httpx.get(f"{server.url}/api/v1/queues", trust_env=False)
            return firing(seen, OUTAGE)

        eventually(outage, SECONDS, 0.5)
        groups = seen.get("rules")["groups"]
        unwell = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"]
        assert unwell == []
        assert re.fullmatch(r"\d+\.\d+.*", seen.get("status/buildinfo")["version"])

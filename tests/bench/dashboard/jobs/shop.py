"""The shop that an operator looks after: many receipts, some failed; a paused queue, a long task, a dead worker."""

import os
import signal
from typing import Any

import httpx
import msgspec
import psycopg

from tests.support.eventually import eventually
from tests.support.programs.processes import WorkerProcess

MODULE = "tests.support.sample.shop"
FIRST_ORDER = 10_000  # of five digits, so that no number is part of another
BATCH = 1000
FAILED = (10_017, 10_026, 10_035)
"""Orders whose mail server did not answer."""
HASTY = {
    "LAPINQ_HEARTBEAT_INTERVAL": "0.5",
    "LAPINQ_LEASE_SECONDS": "3",
    "LAPINQ_STALE_RECOVERY_INTERVAL": "0.5",
}


class Shop(msgspec.Struct, frozen=True):
    """Ids of tasks that operators look for."""

    failed: dict[int, str]
    """By order."""


def fill(client: httpx.Client, database: str, receipts: int) -> Shop:
    """Runs the shop until it has sent that many receipts; then a video runs for a quarter of an hour."""
    for start in range(FIRST_ORDER, FIRST_ORDER + receipts, BATCH):
        orders = range(start, min(start + BATCH, FIRST_ORDER + receipts))
        _enqueue(client, *map(_receipt, orders))
    _wait_until_idle(database, 240)
    client.post(
        "/api/v1/queues/reports/pause", json={"reason": "the warehouse is being moved"}
    ).raise_for_status()
    _enqueue(client, *(_task("nightly_report", "reports", f"2026-11-{day}") for day in (24, 25, 26)))
    _enqueue(client, _task("transcode", "video", "keynote", 900.0))
    _add_schedule(client)
    with WorkerProcess(database, env=HASTY) as lost:
        os.kill(lost.pid, signal.SIGKILL)
    eventually(lambda: _has_dead_worker(client), 60, 0.5)
    with psycopg.connect(database, autocommit=True) as conn:
        rows = conn.execute(
            "SELECT (kwargs ->> 'order')::int, id::text FROM lapinq_tasks WHERE kwargs ->> 'order' = ANY(%s)",
            ([str(order) for order in FAILED],),
        ).fetchall()
    return Shop(dict(rows))


def _receipt(order: int) -> dict[str, Any]:
    values = {"order": order, "to": f"customer{order}@example.com"}
    return _task("send_receipt", "mail", kwargs=values, max_retries=0)


def _task(name: str, queue: str, *args: Any, **more: Any) -> dict[str, Any]:
    return {"module_path": MODULE, "task_name": name, "queue_name": queue, "args": args, **more}


def _enqueue(client: httpx.Client, *tasks: dict[str, Any]) -> None:
    client.post("/api/v1/enqueue/batch", json=tasks).raise_for_status()


def _wait_until_idle(database: str, seconds: float) -> None:
    with psycopg.connect(database, autocommit=True) as conn:

        def is_idle() -> bool:
            row = conn.execute(
                "SELECT EXISTS (SELECT FROM lapinq_ready) OR EXISTS (SELECT FROM lapinq_running)"
            ).fetchone()
            return row == (False,)

        eventually(is_idle, seconds, 1)


def _has_dead_worker(client: httpx.Client) -> bool:
    return any(one["state"] == "dead" for one in client.get("/api/v1/workers").json()["workers"])


def _add_schedule(client: httpx.Client) -> None:
    schedule = _task("nightly_report", "reports", "yesterday") | {
        "name": "nightly-report",
        "cron": "0 3 * * *",
    }
    client.post("/api/v1/schedules", json=schedule).raise_for_status()

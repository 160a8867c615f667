"""The shop that an operator looks after: many receipts, some failed; a paused queue, a long task, a dead worker."""

import os
import signal
from typing import Any

import httpx
import psycopg

from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess

MODULE = "tests.support.sample.shop"
FIRST_ORDER = 10_000  # of five digits, so that no number is part of another
BATCH = 1000
FAILED = (10_017, 10_026, 10_035)
"""Orders whose mail server did not answer."""


def fill(client: httpx.Client, database: str, receipts: int) -> dict[int, str]:
    """Runs the shop until it has sent that many receipts; then a video runs for a quarter of an hour.

    Gives the ids of the failed tasks by order.
    """

    def post(path: str, body: object) -> None:
        client.post(f"/api/v1/{path}", json=body).raise_for_status()

    for start in range(0, receipts, BATCH):
        orders = range(FIRST_ORDER + start, FIRST_ORDER + min(start + BATCH, receipts))
        post("enqueue/batch", [_receipt(order) for order in orders])
    with psycopg.connect(database, autocommit=True) as conn:
        ended = "SELECT sum(completed + failed) >= %s FROM lapinq_counts"
        eventually(lambda: conn.execute(ended, (receipts,)).fetchone() == (True,), 240, 1)
        post("queues/reports/pause", {"reason": "the warehouse is being moved"})
        post("enqueue/batch", [_task("nightly_report", "reports", f"2026-11-{day}") for day in (24, 25, 26)])
        post("enqueue", _task("transcode", "video", "keynote", 900.0))
        schedule = {"name": "nightly-report", "cron": "0 3 * * *"}
        post("schedules", _task("nightly_report", "reports", "yesterday") | schedule)
        with WorkerProcess(database, env=QUICK_LEASE) as lost:
            os.kill(lost.pid, signal.SIGKILL)
        eventually(lambda: "dead" in _states_of_workers(client), 60, 0.5)
        rows = conn.execute(
            "SELECT (kwargs ->> 'order')::int, id::text FROM lapinq_tasks WHERE kwargs ->> 'order' = ANY(%s)",
            ([str(order) for order in FAILED],),
        )
        return dict(rows.fetchall())


def _states_of_workers(client: httpx.Client) -> set[str]:
    return {one["state"] for one in client.get("/api/v1/workers").json()["workers"]}


def _receipt(order: int) -> dict[str, Any]:
    values = {"order": order, "to": f"customer{order}@example.com"}
    return _task("send_receipt", "mail", kwargs=values, max_retries=0)


def _task(name: str, queue: str, *args: Any, **more: Any) -> dict[str, Any]:
    return {"module_path": MODULE, "task_name": name, "queue_name": queue, "args": args, **more}

"""Delivering webhooks in a thread of this process, and tasks that end and have one."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from lapinq_core.domain.tasks.decide import Fail
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.settings import Settings
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_scheduler.webhooks.deliveries import run_deliveries
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue


@contextmanager
def delivering(database: str, metrics: Metrics | None = None, **settings: Any) -> Generator[None]:
    """Delivers while the context lasts, to this machine too unless `webhook_allow` says otherwise."""
    values: dict[str, Any] = {"database_url": database, "webhook_allow": ("127.0.0.1",), **settings}
    chosen = Settings(**values)
    started = threading.Event()
    handles: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stop = asyncio.Event()
        handles.append((asyncio.get_running_loop(), stop))
        started.set()
        await run_deliveries(chosen, stop, metrics or Metrics())

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="deliveries under test")
    thread.start()
    started.wait()
    try:
        yield
    finally:
        loop, stop = handles[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        assert not thread.is_alive(), "it did not stop"


def completed(database: str, url: str, count: int = 1, **values: Any) -> list[str]:
    """The ids of completed tasks with a webhook to `url`."""

    async def run(conn: Conn) -> list[str]:
        ids = await enqueue(conn, count, webhook_url=url, **values)
        claims = await claim(conn, await add_worker(conn), count, values.get("queue_name", "default"))
        assert await complete(conn, claims, '"done"') == count
        return ids

    return on_connections(database, run)


def failed(database: str, url: str) -> str:
    """The id of a failed task with a webhook to `url`."""

    async def run(conn: Conn) -> str:
        (task,) = await enqueue(conn, webhook_url=url)
        (held,) = await claim(conn, await add_worker(conn))
        await worker_verbs.settle(conn, [ended_as(task, held.token, Fail("ValueError: no", "Traceback…"))])
        return task

    return on_connections(database, run)


def outbox(database: str, task: str | None = None) -> list[dict[str, Any]]:
    """The rows of a task, or all, in the order of the ends.

    Their times are in UTC: in the hour that a zone repeats, Python finds no time equal to one of another zone.
    """
    with (
        psycopg.connect(database, options="-c timezone=UTC") as conn,
        conn.cursor(row_factory=dict_row) as cursor,
    ):
        return cursor.execute(
            "SELECT *, due_at - lapinq_now() AS due_in FROM lapinq_webhooks"
            " WHERE %(task)s::uuid IS NULL OR task_id = %(task)s::uuid ORDER BY seq",
            {"task": task},
        ).fetchall()


def make_due(database: str) -> None:
    """Makes all pending webhooks due, as if their pause or lease were over."""
    with psycopg.connect(database) as conn:
        conn.execute("UPDATE lapinq_webhooks SET due_at = lapinq_now() WHERE state = 'pending'")

"""How long requests take that read a history: lists, deep pages, searches by each filter, counts, details, overviews.

One after the other, over HTTP, from a real server, with nothing else running.
"""

import statistics
import time
from base64 import urlsafe_b64encode
from collections.abc import Generator
from typing import Any, LiteralString
from uuid import UUID

import httpx
import psycopg

from tests.bench.dashboard.seed import RARE_QUEUE
from tests.support.http.people import log_in
from tests.support.programs.processes import ApiProcess

TIMES = 20
QUEUE = "queue-03"
STATUSES = ("pending", "running", "completed", "failed", "cancelled", "expired")

_MIDDLE: LiteralString = """
SELECT to_timestamp((min(ms) + max(ms)) / 2000.0)
  FROM (SELECT ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint AS ms
          FROM ((SELECT id FROM lapinq_tasks ORDER BY id LIMIT 1)
                UNION ALL
                (SELECT id FROM lapinq_tasks ORDER BY id DESC LIMIT 1)) AS ends) AS times
"""
_BEFORE: LiteralString = """
SELECT id
  FROM lapinq_tasks
 WHERE id < (lpad(to_hex((extract(epoch FROM %s::timestamptz) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
 ORDER BY id DESC
 LIMIT 1
"""
_ENDED: LiteralString = """
SELECT task_id FROM lapinq_attempts WHERE final AND outcome = %s ORDER BY task_id LIMIT 1
"""


def lines(url: str) -> Generator[str]:
    """A line for each request: median and slowest in milliseconds, how many tasks it answered, and whether there is
    more."""
    with psycopg.connect(url, autocommit=True) as conn:
        paths = _paths(conn)
    with ApiProcess(url) as program:
        address = program.said(r"dashboard (http://127\.0\.0\.1:\d+)/")[1]
        with httpx.Client(base_url=address, trust_env=False, timeout=120) as client:
            log_in(client)
            for path in paths:
                yield _get(client, path)
            for query in (f"queue={RARE_QUEUE}&status=failed&", "status=failed&", f"queue={QUEUE}&", ""):
                yield _count(client, f"/api/v1/tasks?{query}dry_run=true")


def _get(client: httpx.Client, path: str) -> str:
    taken: list[float] = []
    answered = ""
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = client.get(path)
        taken.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            return f"GET {path}: {answer.status_code} after {taken[-1]:.0f} ms"
        if path.startswith("/api/v1/tasks?"):
            more = "more" if "x-next-cursor" in answer.headers else "all"
            answered = f", {len(answer.json())} tasks, {more}"
        if sum(taken) > 1000 * TIMES / 4:
            break  # a slow one says enough with a few
    return f"GET {path}: {statistics.median(taken):.1f} ms, at most {max(taken):.1f}{answered}"


def _count(client: httpx.Client, path: str) -> str:
    """How long it takes to count what a bulk call would change."""
    began = time.perf_counter()
    answer = client.delete(path)
    seconds = time.perf_counter() - began
    if answer.status_code != 200:
        return f"DELETE {path}: {answer.status_code} after {seconds:.1f} s"
    return f"DELETE {path}: {seconds:.2f} s, {answer.json()['matching']:,} tasks"


def _paths(conn: psycopg.Connection) -> list[str]:
    middle = _one(conn, _MIDDLE)
    before: UUID = _one(conn, _BEFORE, middle)
    deep = f"cursor={urlsafe_b64encode(before.bytes).rstrip(b'=').decode()}"
    until = f"until={middle:%Y-%m-%dT%H:%M:%SZ}"
    one = {outcome: str(_one(conn, _ENDED, outcome)) for outcome in ("completed", "failed")}
    lists = (
        *(deep, *(f"status={status}" for status in STATUSES), f"status=failed&{deep}"),
        *(f"queue={QUEUE}", f"queue={QUEUE}&{deep}", f"queue={QUEUE}&status=failed", f"queue={RARE_QUEUE}"),
        *("queue=no-such-queue", "name=task_07", "name=no-such-task", "task_name=no-such-task"),
        *("args=customer-4711", "result=no-such-result", "error=timeout", "error=no-such-error"),
        *("error_kind=no-such-kind", f"worker={UUID(int=3)}", f"worker={UUID(int=99)}"),
        *(f"id={one['completed'][:13]}", until, f"{until}&args=customer-4711"),
    )
    return [
        "/api/v1/tasks?limit=50",
        *(f"/api/v1/tasks?limit=50&{query}" for query in lists),
        "/api/v1/tasks/failed?limit=50",
        *(f"/api/v1/tasks/{task}{what}" for task in one.values() for what in ("", "/attempts", "/result")),
        *("/api/v1/queues", f"/api/v1/queues/{QUEUE}", "/api/v1/overview", "/api/v1/doctor", "/metrics"),
        *("/", "/tasks", "/errors", "/queues", f"/tasks/{one['failed']}"),
    ]


def _one(conn: psycopg.Connection, query: LiteralString, *values: object) -> Any:
    row = conn.execute(query, values).fetchone()
    assert row is not None
    return row[0]

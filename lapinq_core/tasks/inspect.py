"""Reads tasks and queues. Objects that only pass through to a client are JSON text made by the database."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, cast

import msgspec
import psycopg
from psycopg import sql as psql

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.domain.tasks.shown_state import ShownState, state_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks.filters import TaskFilter, is_void, pick_tasks

sql = sql_of(__name__)

MAX_PAGE_BYTES = 8 * 1024 * 1024
"""The objects on one page together; a single task may be larger."""
MAX_ATTEMPTS = 200
"""The attempts of one task in one answer. Only snoozes and releases can give a task more than that."""


class QueueCounts(msgspec.Struct, frozen=True):
    """How many tasks of a queue have each status."""

    queue_name: str
    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    expired: int


class TaskNames(msgspec.Struct, frozen=True):
    """A task's name and queue."""

    queue_name: str
    task_name: str


class TaskLine(msgspec.Struct, frozen=True):
    """A task in a list. `age`, and `duration` of the latest attempt (None before the first), are in seconds.

    `scheduled_at` is when it is or was due, None for immediately. `started_at`, `progress` and the worker are those of
    the running or last attempt. `worker` is None if that was pruned. `args` and `kwargs` are JSON text, None if large.
    """

    id: str
    status: Status
    task_name: str
    queue_name: str
    attempts: int
    created_at: datetime
    age: float
    duration: float | None
    error: str | None
    max_retries: int
    priority: int
    scheduled_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    progress: int | None
    worker_id: str | None
    worker: str | None
    cancel_requested: bool
    is_delayed: bool
    is_blocked: bool
    is_suspended: bool
    is_paused: bool
    args: str | None
    kwargs: str | None
    key: str | None

    @property
    def state(self) -> ShownState:
        return state_of(
            self.status,
            is_delayed=self.is_delayed,
            is_blocked=self.is_blocked,
            is_suspended=self.is_suspended,
            starts=self.attempts,
            is_paused=self.is_paused,
            is_stopping=self.cancel_requested,
        )


class Overview(msgspec.Struct, frozen=True):
    """The queues and the newest tasks."""

    queues: list[QueueCounts]
    tasks: list[TaskLine]


async def get_task(conn: psycopg.AsyncConnection, task_id: str) -> str | None:
    """The task as a JSON object; None for an unknown id."""
    pick = psql.SQL("SELECT %(id)s::uuid AS id")
    found = await maybe_row(conn, _task_objects(pick), {"id": task_id}, prepare=True)
    return found[1] if found else None


async def list_tasks(
    conn: psycopg.AsyncConnection, chosen: TaskFilter, limit: int, max_bytes: int = MAX_PAGE_BYTES
) -> tuple[list[str], str | None]:
    """The newest matching tasks as JSON objects, and the id to continue from, or None.

    At most `limit`; fewer if together they would exceed `max_bytes`, where the statement is stopped.
    """
    return await _page(conn, pick_tasks(chosen, limit + 1), msgspec.structs.asdict(chosen), limit, max_bytes)


async def list_these(
    conn: psycopg.AsyncConnection, ids: Sequence[str], max_bytes: int = MAX_PAGE_BYTES
) -> tuple[list[str], str | None]:
    """As `list_tasks`, for those of `ids` that exist."""
    picked = psql.SQL("SELECT unnest(%(ids)s::uuid[]) AS id ORDER BY id DESC")
    return await _page(conn, picked, {"ids": list(ids)}, len(ids), max_bytes) if ids else ([], None)


async def get_result(conn: psycopg.AsyncConnection, task_id: str) -> tuple[Status, str] | None:
    """The status, and the result as a JSON object, which counts once the status is final; None for an unknown id."""
    row = await maybe_row(conn, sql("get_result"), {"id": task_id}, prepare=True)
    return (Status(row[0]), row[1]) if row else None


async def get_names(conn: psycopg.AsyncConnection, task_id: str) -> TaskNames | None:
    """The names of a task; None for an unknown id."""
    row = await maybe_row(conn, sql("task_names"), {"id": task_id}, prepare=True)
    return TaskNames(*row) if row else None


async def get_results(conn: psycopg.AsyncConnection, ids: Sequence[str]) -> dict[str, tuple[Status, str]]:
    """As `get_result`, for those of `ids` that exist."""
    rows = await all_rows(conn, sql("get_results"), {"ids": list(ids)}, prepare=True)
    return {task_id: (Status(status), result) for task_id, status, result in rows}


async def get_attempts(conn: psycopg.AsyncConnection, task_id: str, limit: int = MAX_ATTEMPTS) -> str | None:
    """The attempts of a task as a JSON array, in the order they ended; None for an unknown id.

    At most the latest `limit`, and the running one.
    """
    params = {"id": task_id, "limit": limit}
    return await first_value(conn, sql("attempts"), params, prepare=True)


def history_statement() -> str:
    """The statement for a task with its attempts as one JSON object, for other drivers than ours. Takes `id`."""
    return sql("task_history")


async def count_queues(conn: psycopg.AsyncConnection, readable: Readable = None) -> list[QueueCounts]:
    """Every queue that has tasks, by name; of those in `readable`."""
    params = {"queues": as_list(readable)}
    return [QueueCounts(*row) for row in await all_rows(conn, sql("count_queues"), params, prepare=True)]


async def overview(conn: psycopg.AsyncConnection, limit: int) -> Overview:
    """All queues, and the `limit` newest tasks."""
    return Overview(await count_queues(conn), await newest_tasks(conn, TaskFilter(), limit))


async def newest_tasks(conn: psycopg.AsyncConnection, chosen: TaskFilter, limit: int) -> list[TaskLine]:
    """The `limit` newest matching tasks."""
    if is_void(chosen):
        return []
    query = psql.SQL(sql("newest_tasks")).format(picked=pick_tasks(chosen, limit))
    return await _lines(conn, query, msgspec.structs.asdict(chosen))


async def task_lines(conn: psycopg.AsyncConnection, ids: Sequence[str]) -> list[TaskLine]:
    """Those of `ids` that exist, newest first."""
    if not ids:
        return []
    picked = psql.SQL("SELECT unnest(%(ids)s::uuid[]) AS id")
    query = psql.SQL(sql("newest_tasks")).format(picked=picked)
    return await _lines(conn, query, {"ids": list(ids)})


async def ping(conn: psycopg.AsyncConnection) -> None:
    """Returns when the database answers."""
    await conn.execute("/* lapinq:ping */ SELECT 1")


async def _lines(
    conn: psycopg.AsyncConnection, query: psql.Composed, params: dict[str, object]
) -> list[TaskLine]:
    rows = await all_rows(conn, query, params, prepare=False)
    return [TaskLine(row[0], Status(row[1]), *row[2:]) for row in rows]


async def _page(
    conn: psycopg.AsyncConnection, picked: psql.Composable, params: dict[str, Any], limit: int, max_bytes: int
) -> tuple[list[str], str | None]:
    objects: list[str] = []
    size = 0
    last: str | None = None
    more = False
    query = _task_objects(picked)
    async with conn.cursor() as cursor, aclosing(_streamed(cursor, query, params)) as rows:
        async for task_id, text in rows:
            size += len(text.encode())
            more = len(objects) == limit or (bool(objects) and size > max_bytes)
            if not more:
                objects.append(text)
                last = task_id
            elif len(objects) < limit:
                break  # else it was the last row anyway
    return objects, last if more else None


def _streamed(
    cursor: psycopg.AsyncCursor, query: psql.Composed, params: dict[str, Any]
) -> AsyncGenerator[tuple[str, str]]:
    """The rows as they arrive; closing it stops the statement."""
    rows = cursor.stream(query, params)
    return cast("AsyncGenerator[tuple[str, str]]", rows)  # the driver declares an iterator alone


def _task_objects(picked: psql.Composable) -> psql.Composed:
    return psql.SQL(sql("task_objects")).format(picked=picked)

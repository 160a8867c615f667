"""A worker in the test's own process, and a desk beside it: hands in tasks and looks what became of them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
from psycopg.rows import class_row

from lapinq_core.db.rows import first_value
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake import enqueueing
from lapinq_core.runtime.settings import Settings
from lapinq_worker.worker import Worker
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn, new_task
from tests.support.sample.gate import Gate as Gate

DEADLINE_SECONDS = 30.0
STOP_SECONDS = 30.0
END_SECONDS = 15.0


class Ended(msgspec.Struct):
    """Where a task stands."""

    id: str
    status: str
    result: str | None
    error: str | None
    attempts: int


class Attempt(msgspec.Struct):
    """One row of a task's history."""

    attempt: int
    final: bool
    outcome: str
    result: str | None
    error: str | None
    traceback: str | None


class Desk:
    """Over a connection of its own to the database at `url`."""

    def __init__(self, conn: Conn, url: str) -> None:
        self.conn = conn
        self.url = url

    def working(self, **values: Any) -> AbstractAsyncContextManager[Worker]:
        """A worker with these settings, stopped at the end, gently at first."""
        return working(self.url, **values)

    def ending(self, **values: Any) -> AbstractAsyncContextManager[Worker]:
        """A worker with these settings that is made to end, and has in time, by the end of the context."""
        return ending(self.url, **values)

    async def hand_in(self, function: Callable[..., Any], *args: Any, **values: Any) -> str:
        """The id of a new task that calls `function`."""
        (task,) = await self.hand_in_many([task_of(function, *args, **values)])
        return task

    async def hand_in_many(self, tasks: list[NewTask]) -> list[str]:
        """Stores `tasks` in one statement, without waking anybody."""
        await enqueueing.enqueue(self.conn, tasks)
        return [task.id for task in tasks]

    async def ended(self, *ids: str, timeout: float = DEADLINE_SECONDS) -> list[Ended]:
        """How the tasks ended, once all have, in the order of `ids`."""

        async def look() -> list[Ended] | None:
            found = {task.id: task for task in await self.find(*ids)}
            if all(found[each].status not in ("pending", "running") for each in ids):
                return [found[each] for each in ids]
            return None

        found = await eventually_async(look, timeout)
        assert found is not None
        return found

    async def find(self, *ids: str) -> list[Ended]:
        """Where the tasks stand now."""
        cursor = self.conn.cursor(row_factory=class_row(Ended))
        await cursor.execute(
            "SELECT id::text, status, result, error, attempts FROM lapinq_task_details WHERE id = ANY (%s::uuid[])",
            (list(ids),),
        )
        return await cursor.fetchall()

    async def status(self, task: str) -> str:
        """The status of one task now."""
        (found,) = await self.find(task)
        return found.status

    async def has_status(self, status: str, *ids: str) -> None:
        """Returns once all of the tasks have that status."""

        async def look() -> bool:
            return all(task.status == status for task in await self.find(*ids))

        await eventually_async(look, DEADLINE_SECONDS)

    async def attempts(self, task: str) -> list[Attempt]:
        """The history of a task, in order."""
        cursor = self.conn.cursor(row_factory=class_row(Attempt))
        await cursor.execute(
            "SELECT attempt, final, outcome, result, error, traceback FROM lapinq_attempts WHERE task_id = %s"
            " ORDER BY finished_at, final",
            (task,),
        )
        return await cursor.fetchall()

    async def value(self, query: str, *params: object) -> Any:
        """The one value that a query answers."""
        return await first_value(self.conn, query.encode(), params)

    async def until(self, query: str, *params: object) -> None:
        """Returns once the query answers something true."""
        await eventually_async(lambda: self.value(query, *params), DEADLINE_SECONDS)


def task_of(function: Callable[..., Any], *args: Any, **values: Any) -> NewTask:
    """A task that calls `function`; retried at once, if at all, unless the test says otherwise."""
    defaults: dict[str, Any] = {
        "task_name": function.__qualname__,
        "module_path": function.__module__,
        "args": list(args),
        "retry_delay": 0.0,
        "retry_backoff": False,
    }
    return new_task(**{**defaults, **values})


def settings(database: str, **values: Any) -> Settings:
    """Quick beats and looks, so that tests need not wait."""
    defaults: dict[str, Any] = {
        "worker_poll_interval": 0.05,
        "worker_timeout": 30.0,
        "heartbeat_interval": 0.25,
        "lease_seconds": 2.0,
        "stale_recovery_interval": 0.2,
        "shutdown_grace": 10.0,
    }
    return Settings(database_url=database, **{**defaults, **values})


@asynccontextmanager
async def working(database: str, **values: Any) -> AsyncGenerator[Worker]:
    """A worker with these settings, stopped at the end, gently at first."""
    worker = Worker(settings(database, **values))
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        done, _ = await asyncio.wait([running], timeout=STOP_SECONDS)
        assert done, "the worker did not stop"
        running.result()


@asynccontextmanager
async def ending(database: str, **values: Any) -> AsyncGenerator[Worker]:
    """A worker with these settings that is made to end, and has in time, by the end of the context."""
    worker = Worker(settings(database, **values))
    running = asyncio.create_task(worker.run())
    yield worker
    async with asyncio.timeout(END_SECONDS):
        await running


async def until(check: Callable[[], object], timeout: float = DEADLINE_SECONDS) -> None:
    """Returns once `check()` is true."""

    async def look() -> bool:
        return bool(check())

    await eventually_async(look, timeout, 0.01)

"""Tasks that show how a worker runs them."""

import asyncio
import time
from datetime import date
from typing import TYPE_CHECKING, Any

import django
from asgiref.sync import sync_to_async
from django.db import connection

if TYPE_CHECKING or django.VERSION >= (6,):
    from django.tasks import task
else:
    from django_tasks import task


class Declined(Exception):
    """The card was declined."""


@task
def add(a: int, b: int = 0) -> int:
    return a + b


@task
def take(value: Any) -> Any:
    return value


def misnamed_function() -> None:
    """A worker would look for the task under this name."""


@task(takes_context=True)
def show_context(context: Any, day: date) -> list[Any]:
    result = context.task_result
    return [context.attempt, result.id, result.kwargs, result.backend, result.task.queue_name, day.year]


@task(takes_context=True)
async def ashow_context(context: Any) -> list[Any]:
    await context.task_result.arefresh()
    return [context.attempt, str(context.task_result.status), len(context.task_result.worker_ids)]


@task(backend="strict")
def decline(amount: int) -> None:
    raise Declined(f"no {amount}\nTraceback: none")


@task(takes_context=True, retry_delay=0)  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]  # the stubs know Django's options alone
def decline_first(context: Any) -> int:
    if context.attempt == 1:
        raise Declined
    return len(context.task_result.errors)


@task(backend="dummy")
def declared_elsewhere() -> str:
    return "ran"


@task
def break_connection() -> None:
    """Leaves a connection behind that the server has closed, as a restart of it does."""
    connection.ensure_connection()
    connection.connection.close()


def _pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def _lives(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid])
        return bool(cursor.fetchall())


_pids: list[int] = []


@task(priority=2)
async def use_connection() -> None:
    _pids.append(await sync_to_async(_pid)())


@task(priority=1)
async def is_its_connection_closed() -> bool:
    """Whether it is, or is within a moment. Both run on the event loop of one worker."""
    give_up = time.monotonic() + 10
    while await sync_to_async(_lives)(_pids[-1]):
        if time.monotonic() > give_up:
            return False
        await asyncio.sleep(0.02)
    return True

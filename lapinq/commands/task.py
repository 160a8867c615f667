"""`lapinq task`: look at tasks and steer them, straight on the database."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import click
import msgspec
import psycopg

from lapinq_core.db.errors import translated
from lapinq_core.db.notifier import notify
from lapinq_core.db.pool import connect
from lapinq_core.db.startup import database, explained
from lapinq_core.domain.state import Status
from lapinq_core.queue import control, inspect
from lapinq_core.queue.filters import TaskFilter
from lapinq_core.runtime import exits, flags
from lapinq_core.runtime.settings import load_settings

_MAX_LIMIT = 1000

Verb = Callable[[psycopg.AsyncConnection], Awaitable[Any]]


class _Failed(click.ClickException):
    exit_code = exits.FAILED


class _TaskId(click.ParamType[str]):
    name = "task_id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(uuid.UUID(str(value)))
        except ValueError:
            self.fail(f"{value!r} is not a UUID", param, ctx)


_database = flags.group(
    flags.option("database_url", help="PostgreSQL to look at; without one the embedded PostgreSQL."),
    flags.option("data_dir", help="Directory of the embedded database."),
    flags.option("pg_bin", help="Directory of the PostgreSQL programs for the embedded database."),
)
_task_id = click.argument("task_id", type=_TaskId())
_as_json = click.option("--json", "-j", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def task() -> None:
    """List, show, cancel and requeue tasks."""


@task.command("list")
@click.option("--queue", "-q", help="Only tasks of this queue.")
@click.option(
    "--status",
    "-s",
    type=click.Choice([status.value for status in Status]),
    help="Only tasks with this status.",
)
@click.option(
    "--limit",
    "-l",
    type=click.IntRange(1, _MAX_LIMIT),
    default=50,
    show_default=True,
    help="Most tasks to show.",
)
@_as_json
@_database
def list_tasks(queue: str | None, status: str | None, limit: int, as_json: bool, **given: object) -> None:
    """List the newest tasks."""
    chosen = TaskFilter(queue=queue, status=Status(status) if status else None)
    objects, _ = _run(given, lambda conn: inspect.list_tasks(conn, chosen, limit))
    if as_json:
        click.echo("[" + ",\n ".join(objects) + "]")
        return
    for text in objects:
        row = msgspec.json.decode(text)
        click.echo(
            f"{row['id']}  {row['status']:<9}  {row['queue_name']:<16}  {row['task_name']:<30}  {row['created_at']}"
        )


@task.command()
@_task_id
@_as_json
@_database
def get(task_id: str, as_json: bool, **given: object) -> None:
    """Show everything about a task."""
    text = _run(given, lambda conn: inspect.get_task(conn, task_id))
    if text is None:
        raise _Failed(f"no task {task_id}")
    if as_json:
        click.echo(text)
        return
    for name, value in msgspec.json.decode(text).items():
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        click.echo(f"{name:<17} {'' if value is None else shown}".rstrip())


@task.command()
@_task_id
@_database
def cancel(task_id: str, **given: object) -> None:
    """Cancel a pending task."""
    if not _run(given, lambda conn: control.cancel(conn, task_id)):
        raise _Failed(f"task {task_id} is unknown or not pending")
    click.echo(f"cancelled {task_id}")


@task.command()
@_task_id
@_database
def requeue(task_id: str, **given: object) -> None:
    """Let a failed task wait again, with all its retries."""

    async def verb(conn: psycopg.AsyncConnection) -> str | None:
        queue = await control.requeue(conn, task_id)
        if queue is not None:
            await notify(conn, [queue])
        return queue

    if _run(given, verb) is None:
        raise _Failed(f"task {task_id} is unknown or not failed")
    click.echo(f"requeued {task_id}")


def _run(given: dict[str, object], verb: Verb) -> Any:
    async def call(url: str) -> Any:
        with translated():
            async with await connect(url, "lapinq-task") as conn:
                return await verb(conn)

    with explained(), database(load_settings(os.environ, **given)) as url:
        return asyncio.run(call(url))

"""`lapinq task`: shows and changes tasks, directly on the database."""

import click
import msgspec
import psycopg

from lapinq.commands.console import ids
from lapinq.commands.console.database import author, database_flags, run
from lapinq.commands.console.failure import Failed
from lapinq.commands.console.json_output import json_flag
from lapinq.commands.console.task_text import attempts_text, task_text
from lapinq.commands.console.terminal import json_text
from lapinq_core.command_line.commands import Group
from lapinq_core.db.notifier import notify
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import audited_actions, inspect
from lapinq_core.tasks.audited_actions import Stop
from lapinq_core.tasks.filters import TaskFilter

_MAX_LIMIT = 1000


@click.group(cls=Group)
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
    help="Maximum number to show.",
)
@json_flag
@database_flags
def list_tasks(queue: str | None, status: str | None, limit: int, as_json: bool, **given: object) -> None:
    """List the newest tasks."""
    chosen = TaskFilter(queue=queue, status=Status(status) if status else None)
    objects, _ = run(given, lambda conn: inspect.list_tasks(conn, chosen, limit))
    if as_json:
        click.echo(json_text("[" + ",\n ".join(objects) + "]"))
        return
    for text in objects:
        row = msgspec.json.decode(text)
        click.echo(
            f"{row['id']}  {row['status']:<9}  {row['queue_name']:<16}  {row['task_name']:<30}  {row['created_at']}"
        )


@task.command()
@ids.task_id
@json_flag
@database_flags
def get(task_id: str, as_json: bool, **given: object) -> None:
    """Show a task and its attempts."""

    async def verb(conn: psycopg.AsyncConnection) -> tuple[str | None, str | None]:
        return await inspect.get_task(conn, task_id), await inspect.get_attempts(conn, task_id)

    found, attempts = run(given, verb)
    if found is None:
        raise _unknown(task_id)
    if as_json:
        click.echo(json_text(found))
        return
    click.echo(task_text(msgspec.json.decode(found)))
    if shown := attempts_text(msgspec.json.decode(attempts or "[]")):
        click.echo(f"\n{shown}")


@task.command()
@ids.task_id
@click.option("--running", is_flag=True, help="Also ask a running task to stop.")
@database_flags
def cancel(task_id: str, running: bool, **given: object) -> None:
    """Cancel a pending task; with --running, also stop a running one."""
    outcome, status = run(
        given, lambda conn: audited_actions.stop(conn, task_id, also_running=running, by=author())
    )
    match outcome:
        case Stop.CANCELLED:
            click.echo(f"cancelled {task_id}")
        case Stop.ASKED:
            click.echo(f"asked {task_id} to stop; it ends as cancelled, unless it completes first")
        case _:
            raise _not_cancelled(task_id, status, running=running)


@task.command()
@ids.task_id
@database_flags
def requeue(task_id: str, **given: object) -> None:
    """Make a failed task pending again, with all its retries."""

    async def verb(conn: psycopg.AsyncConnection) -> tuple[str | None, Status | None]:
        queue, status = await audited_actions.requeue(conn, task_id, by=author())
        if queue is not None:
            await notify(conn, [queue])
        return queue, status

    queue, status = run(given, verb)
    if status is None:
        raise _unknown(task_id)
    if status is Status.FAILED:
        raise _moving(task_id)
    if queue is None:
        raise Failed(f"only a failed task can be requeued, and {task_id} is {status}")
    click.echo(f"requeued {task_id}")


def _not_cancelled(task_id: str, status: Status | None, *, running: bool) -> Failed:
    if status is None:
        return _unknown(task_id)
    if status in FINAL:
        return Failed(f"task {task_id} has already ended: it is {status}")
    if status is Status.RUNNING and not running:
        return Failed(f"task {task_id} is running; --running asks it to stop")
    return _moving(task_id)


def _unknown(task_id: str) -> Failed:
    return Failed(f"no task {task_id}")


def _moving(task_id: str) -> Failed:
    return Failed(f"task {task_id} changed its status at every try; try again")

"""`lapinq task list`."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from lapinq.commands.arguments.named import TASKS
from lapinq.commands.arguments.unknown_queue import note_unknown_queue
from lapinq.commands.console.api import Api, api_flags, reached
from lapinq.commands.output.json_output import json_flag
from lapinq.commands.output.tables import Id, Table, headings_flag
from lapinq.commands.output.terminal import json_text
from lapinq.commands.output.times import utc_time
from lapinq.commands.tasks.filters import Filters, filter_flags, query_of, taken
from lapinq_core.command_line.commands import Command
from lapinq_core.domain.tasks.shown_state import ShownState
from lapinq_core.domain.tasks.state import Status

_PAGE = 1000
_HEADINGS = ("ID", "STATUS", "QUEUE", "TASK", "ENQUEUED (UTC)")
_MAX_ERROR = 100
_STATES = {
    "parents": ShownState.BLOCKED,
    "signal": ShownState.SUSPENDED,
    "task": ShownState.SUSPENDED,
    "sleep": ShownState.SUSPENDED,
    "schedule": ShownState.SCHEDULED,
    "retry": ShownState.RETRYING,
    "paused": ShownState.PAUSED,
}
"""The state of a pending task, by what it waits for. Others are ready."""


@click.command("list", cls=Command)
@filter_flags()
@click.option(
    "--limit", "-l", type=click.IntRange(1), default=50, show_default=True, help="Maximum number to show."
)
@click.option("--all", "-a", "every", is_flag=True, help="Show all, without a maximum.")
@click.option("--ids", is_flag=True, help="Print only the ids, for other commands to read.")
@headings_flag
@json_flag
@api_flags
def list_tasks(limit: int, every: bool, ids: bool, as_json: bool, **given: Any) -> None:
    """List tasks, newest first."""
    if ids and as_json:
        raise click.UsageError("give --ids or --json, not both")
    asked = given["status"] or ""
    filters = taken(given)
    with reached(given) as api:
        pages = Pages(api, query_of(api, filters), None if every else limit)
        if as_json:
            _print_json(pages)
        elif ids:
            for _, tasks in pages:
                for task in tasks:
                    click.echo(task["id"])
        else:
            has_errors = "error" in filters or filters.get("status") == Status.FAILED
            if not _print_table(pages, has_errors=has_errors, asked=asked):
                click.echo("There are no such tasks.", err=True)
                note_unknown_queue(api, filters.get("queue"))
    if pages.has_more:
        click.echo("there are more: raise --limit, or give --all", err=True)


class Pages:
    """The pages of a list, each fetched when it is wanted: the API's text and the tasks in it, at most `limit`."""

    def __init__(self, api: Api, query: Filters, limit: int | None) -> None:
        self._api = api
        self._query = query
        self._limit = limit
        self.has_more = False
        """Whether there are more tasks than `limit`, at the end."""

    def __iter__(self) -> Iterator[tuple[str, list[Any]]]:
        left = self._limit
        cursor: str | None = None
        while True:
            page = self._api.get(TASKS, **self._query, limit=min(left or _PAGE, _PAGE), cursor=cursor)
            tasks: list[Any] = page.value
            yield page.text, tasks
            cursor = page.next_cursor
            left = None if left is None else left - len(tasks)
            if cursor is None or left == 0:
                self.has_more = cursor is not None
                return


def _print_json(pages: Pages) -> None:
    """One array, page after page."""
    begin = "["
    for text, tasks in pages:
        if tasks:
            click.echo(begin + json_text(text.strip()[1:-1]), nl=False)
            begin = ",\n "
    click.echo("]" if begin != "[" else "[]")


def _print_table(pages: Pages, *, has_errors: bool, asked: str) -> bool:
    """Whether there were tasks to print. `asked` are the statuses and states asked for, separated by commas."""
    table = Table((*_HEADINGS, "ERROR") if has_errors else _HEADINGS)
    for _, tasks in pages:
        table.print([_row(task, has_errors=has_errors, asked=asked) for task in tasks])
    return not table.is_empty


def _row(task: Mapping[str, Any], *, has_errors: bool, asked: str) -> list[object]:
    row: list[object] = [Id(task["id"]), _status(task, asked), task["queue_name"], task["task_name"]]
    row.append(utc_time(task["created_at"]) if sys.stdout.isatty() else task["created_at"])
    if has_errors:
        lines = (task["error"] or "").splitlines()
        row.append(lines[0][:_MAX_ERROR] if lines else None)
    return row


def _status(task: Mapping[str, Any], asked: str) -> str:
    """The status, or the state if any state was asked for."""
    if asked in frozenset(ShownState):
        return asked
    if task["status"] != Status.PENDING or frozenset(Status).issuperset(filter(None, asked.split(","))):
        return task["status"]
    waiting = task["waiting_for"]
    return _STATES.get(waiting and waiting["kind"], ShownState.READY)

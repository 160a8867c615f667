"""`lapinq task signal` and `lapinq task steps`: of durable tasks."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

import click
import msgspec

from lapinq.commands.arguments.named import TASK, task_id, whole_id
from lapinq.commands.console.api import Answer, Api, api_flags, path, reached
from lapinq.commands.console.failure import saying
from lapinq.commands.output.json_output import json_flag, json_of, print_done
from lapinq.commands.output.tables import headings_flag, print_table
from lapinq.commands.tasks.new_task import JSON
from lapinq_core.command_line.commands import Command
from lapinq_core.domain.ids import new_id

_HEADINGS = ("NAME", "KIND", "STATUS", "SECONDS", "ATTEMPT", "RESULT")
_MAX_RESULT = 60
_NULL = msgspec.Raw(b"null")


@click.command(cls=Command, epilog="ID may be the beginning of an id.")
@task_id
@click.argument("name")
@click.argument("value", metavar="[JSON]", type=JSON, default=None)
@json_flag
@api_flags
def signal(task_id: str, name: str, value: msgspec.Raw | None, as_json: bool, **given: object) -> None:
    """Send a signal to a task, with a value: it is kept until the task waits for it."""
    with reached(given) as api:
        which = whole_id(api, task_id)
        with saying(HTTPStatus.NOT_FOUND, f"no task {which}"):
            sent = api.post_once(
                path(f"{TASK}/signals/{{}}", which, name), value or _NULL, f"signal-{new_id()}"
            )
    print_done(sent, f"sent {name} to {which}", as_json=as_json)


@click.command(cls=Command, epilog="ID may be the beginning of an id.")
@task_id
@headings_flag
@json_flag
@api_flags
def steps(task_id: str, as_json: bool, **given: object) -> None:
    """List the steps and waits of a durable task, in the order in which they began."""
    with reached(given) as api:
        which = whole_id(api, task_id)
        with saying(HTTPStatus.NOT_FOUND, f"no task {which}"):
            pages = _pages(api, which)
    found: list[dict[str, Any]] = [one for page in pages for one in page.value]
    if as_json:
        click.echo(json_of(found))
        return
    print_table(_HEADINGS, [_row(one) for one in found], "The task has no steps.")


def _pages(api: Api, which: str) -> list[Answer]:
    pages = [api.get(f"{path(TASK, which)}/steps")]
    while (cursor := pages[-1].next_cursor) is not None:
        pages.append(api.get(f"{path(TASK, which)}/steps", cursor=cursor))
    return pages


def _row(one: dict[str, Any]) -> list[object]:
    name = one["name"] if not one["occurrence"] else f"{one['name']} #{one['occurrence']}"
    result = one["result"]
    if result is not None and len(result) > _MAX_RESULT:
        result = f"{result[: _MAX_RESULT - 1]}…"
    return [name, one["kind"], one["status"], _seconds(one), one["attempt"], result]


def _seconds(one: dict[str, Any]) -> str | None:
    if one["ended_at"] is None:
        return None
    begin, end = (datetime.fromisoformat(one[name]) for name in ("started_at", "ended_at"))
    return f"{(end - begin).total_seconds():.3f}"

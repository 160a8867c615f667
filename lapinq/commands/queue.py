"""`lapinq queue`: shows, pauses and empties queues."""

from typing import Any

import click

from lapinq.commands.console.api import Answer, api_flags, path, reached
from lapinq.commands.console.json_output import json_flag, print_json
from lapinq.commands.console.tables import print_table
from lapinq.commands.console.terminal import field_text
from lapinq_core.command_line.commands import Group
from lapinq_core.domain.tasks.state import Status

_QUEUE = "/api/v1/queues/{}"
_name = click.argument("name")
_COUNTS = [status.value for status in Status]


@click.group(cls=Group)
def queue() -> None:
    """List, show, pause and resume queues."""


@queue.command("list")
@json_flag
@api_flags
def list_queues(as_json: bool, **given: object) -> None:
    """List the queues that have tasks or are paused, with their tasks by status."""
    with reached(given) as api:
        found = api.get("/api/v1/queues")
    if as_json:
        print_json(found)
        return
    rows = [[one["queue_name"], *(one[status] for status in _COUNTS)] for one in found.value]
    print_table(["QUEUE", *(status.upper() for status in _COUNTS)], rows, "There are no queues yet.")


@queue.command()
@_name
@json_flag
@api_flags
def show(name: str, as_json: bool, **given: object) -> None:
    """Show a queue: its tasks by status, and whether it is paused, by whom and why."""
    with reached(given) as api:
        found = api.get(path(_QUEUE, name))
    _print(found, as_json=as_json)


@queue.command()
@_name
@click.option("--reason", "-r", help="Why, for others to read.")
@json_flag
@api_flags
def pause(name: str, reason: str | None, as_json: bool, **given: object) -> None:
    """Stop workers from starting tasks of a queue. Running tasks continue."""
    with reached(given) as api:
        found = api.post(path(_QUEUE, name) + "/pause", {"reason": reason} if reason is not None else None)
    _print(found, as_json=as_json, done=f"paused {name}")


@queue.command()
@_name
@json_flag
@api_flags
def resume(name: str, as_json: bool, **given: object) -> None:
    """Let workers start tasks of a queue again."""
    with reached(given) as api:
        found = api.post(path(_QUEUE, name) + "/resume")
    _print(found, as_json=as_json, done=f"resumed {name}")


def _print(found: Answer, *, as_json: bool, done: str | None = None) -> None:
    if as_json:
        print_json(found)
    elif done is not None:
        click.echo(done)
    else:
        fields: dict[str, Any] = found.value
        for field, value in fields.items():
            click.echo(field_text(field, value))

"""`lapinq bulk`: shows and stops changes to many tasks that servers make in the background."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import click

from lapinq.commands.console.api import api_flags, path, reached
from lapinq.commands.console.failure import saying
from lapinq.commands.output.json_output import json_flag, print_done, print_json
from lapinq.commands.output.tables import Id, headings_flag, limit_flag, print_more, print_table
from lapinq.commands.output.terminal import field_text, plain
from lapinq.commands.output.times import utc_text
from lapinq_core.command_line.commands import Group

_ACTIONS = "/api/v1/bulk-actions"
_ACTION = f"{_ACTIONS}/{{}}"
_HEADINGS = ("ID", "ACTION", "STATE", "DONE", "OF", "BY", "STARTED", "FILTERS")

_id = click.argument("action_id", metavar="ID")


@click.group(cls=Group, meant={"get": "bulk show", "cancel": "bulk stop"})
def bulk() -> None:
    """List, show and stop bulk actions: changes to many tasks that servers make in the background."""


@bulk.command("list")
@click.option("--active", is_flag=True, help="Only those that have not ended.")
@limit_flag
@headings_flag
@json_flag
@api_flags
def list_actions(active: bool, limit: int, as_json: bool, **given: object) -> None:
    """List bulk actions, newest first."""
    with reached(given) as api:
        found = api.get(_ACTIONS, active="true" if active else None, limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(_HEADINGS, [_row(one) for one in found.value], "There are no such bulk actions.")
    print_more(found)


@bulk.command()
@_id
@json_flag
@api_flags
def show(action_id: str, as_json: bool, **given: object) -> None:
    """Show a bulk action: its filters, how far it is, and who started it."""
    with reached(given) as api, saying(HTTPStatus.NOT_FOUND, _unknown(action_id)):
        found = api.get(path(_ACTION, action_id))
    if as_json:
        print_json(found)
        return
    fields: dict[str, Any] = found.value
    for field, value in fields.items():
        click.echo(field_text(field, value))


@bulk.command()
@_id
@json_flag
@api_flags
def stop(action_id: str, as_json: bool, **given: object) -> None:
    """Stop a bulk action. What it has changed stays so. One that has ended stays as it is."""
    with reached(given) as api, saying(HTTPStatus.NOT_FOUND, _unknown(action_id)):
        found = api.post(f"{path(_ACTION, action_id)}/stop")
    print_done(found, f"{plain(action_id)} is {found.value['state']}", as_json=as_json)


def _unknown(text: str) -> str:
    return f"no bulk action {plain(text)}"


def _row(one: Mapping[str, Any]) -> list[object]:
    filters = " ".join(f"{name}={value}" for name, value in one["filters"].items())
    begin = [Id(one["id"]), one["action"], one["state"], one["done"], one["expected"], one["started_by"]]
    return [*begin, utc_text(one["created_at"]), filters]

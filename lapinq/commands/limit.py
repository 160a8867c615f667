"""`lapinq limit`: shows, sets, opens and deletes named limits."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import click

from lapinq.commands.arguments.rates import rate_text, read_rate
from lapinq.commands.arguments.rules import changes_of, or_none, places, with_kept
from lapinq.commands.console.api import Api, api_flags, path, reached
from lapinq.commands.console.confirmation import confirm, yes_flag
from lapinq.commands.console.failure import ApiRefused
from lapinq.commands.output.json_output import json_flag, json_of, print_done, print_json
from lapinq.commands.output.tables import headings_flag, print_table
from lapinq.commands.output.terminal import field_text, plain
from lapinq.commands.output.times import span
from lapinq_core.command_line.commands import Group

_LIMITS = "/api/v1/limits"
_LIMIT = "/api/v1/limits/{}"
_name = click.argument("name")


@click.group(
    cls=Group,
    meant={"create": "limit set", "add": "limit set", "get": "limit show", "remove": "limit delete"},
)
def limit() -> None:
    """List, show, set, open and delete limits that queues share, such as a GPU or an API's tokens per minute."""


@limit.command("list")
@headings_flag
@json_flag
@api_flags
def list_limits(as_json: bool, **given: object) -> None:
    """List the named limits, with the tasks that run and wait and the units left."""
    with reached(given) as api:
        found = api.get(_LIMITS)
    if as_json:
        print_json(found)
        return
    now = datetime.now(UTC)
    headings = ["LIMIT", "RUNNING", "MOST", "LEFT", "RATE", "WAITING", "OPENS IN"]
    print_table(headings, [_row(one, now) for one in found.value], "There are no named limits yet.")


@limit.command()
@_name
@json_flag
@api_flags
def show(name: str, as_json: bool, **given: object) -> None:
    """Show a limit: what it allows, its current use, and the queues whose tasks take from it."""
    with reached(given) as api:
        found = api.get(path(_LIMIT, name))
    if as_json:
        print_json(found)
        return
    fields: dict[str, Any] = found.value
    for field, value in fields.items():
        click.echo(field_text(field, rate_text(value) if field == "rate" else value))


@limit.command("set")
@_name
@click.option(
    "--max-running",
    metavar="N|none",
    callback=or_none(places),
    help="Maximum number of tasks with this limit that run at the same time.",
)
@click.option(
    "--rate",
    metavar="N/PERIOD[/BURST]|none",
    callback=or_none(read_rate),
    help="Number of units that tasks may take per period, such as 90000/m, and in a BURST after a pause.",
)
@json_flag
@api_flags
def set_(name: str, as_json: bool, max_running: object, rate: object, **given: object) -> None:
    """Create a limit, or change its rules. A rule that is not given stays. Running tasks are not affected."""
    changes = changes_of({"max_running": max_running, "rate": rate})
    if not changes:
        raise click.UsageError("give --max-running, --rate or both")
    with reached(given) as api:
        body = with_kept(api, path(_LIMIT, name), changes, ("max_running", "rate"))
        found = api.call("PUT", path(_LIMIT, name), body=body)
    is_told = "rate" in found.value  # a key without the scope read is not
    done = f"{plain(name)}: {_rules(found.value)}" if is_told else f"set the limit {plain(name)}"
    print_done(found, done, as_json=as_json, source=found.value.get("source"))


@limit.command("open")
@_name
@json_flag
@api_flags
def open_(name: str, as_json: bool, **given: object) -> None:
    """Open a limit that a task has closed, without waiting for the time it set."""
    with reached(given) as api:
        found = api.post(path(_LIMIT, name) + "/open")
    print_done(found, f"{plain(name)} is open", as_json=as_json)


@limit.command()
@_name
@yes_flag
@json_flag
@api_flags
def delete(name: str, is_sure: bool, as_json: bool, **given: object) -> None:
    """Delete a limit. Tasks that wait for it start without it."""
    with reached(given) as api:
        if not is_sure:
            confirm(f"Delete the limit {plain(name)}?{_effect(api, name)}", is_sure=is_sure)
        api.delete(path(_LIMIT, name))
    # The API answers without a body.
    click.echo(json_of({"name": name, "deleted": True}) if as_json else f"deleted the limit {plain(name)}")


def _effect(api: Api, name: str) -> str:
    """What deleting it does to tasks."""
    try:
        found = api.get(path(_LIMIT, name)).value
    except ApiRefused as error:
        if error.status != HTTPStatus.FORBIDDEN:  # a key may delete without reading
            raise
        return " Tasks that wait for it start without it."
    match found["waiting"]:
        case 0:
            return " No tasks wait for it."
        case 1:
            return " 1 task that waits for it starts without it."
        case waiting:
            more = " or more" if found["waiting_is_capped"] else ""
            return f" {waiting}{more} tasks that wait for it start without it."


def _row(one: Mapping[str, Any], now: datetime) -> list[object]:
    opens = [one["closed_until"], one["next_start_at"]]
    seconds = [(datetime.fromisoformat(at) - now).total_seconds() for at in opens if at is not None]
    left = one["tokens"]
    waiting = one["waiting"]
    return [
        one["name"],
        one["running"],
        one["max_running"],
        None if left is None else int(left),
        rate_text(one["rate"]),
        f"{waiting}+" if one["waiting_is_capped"] else waiting,
        span(max(seconds)) if seconds else None,
    ]


def _rules(one: Mapping[str, Any]) -> str:
    most = one["max_running"]
    units = rate_text(one["rate"])
    rules = [f"at most {most} running" if most is not None else None, f"{units} units" if units else None]
    return ", ".join(rule for rule in rules if rule is not None)

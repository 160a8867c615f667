"""`lapinq breaker`: shows circuit breakers, and sets, closes and removes those of task names."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from lapinq.commands.arguments.creating import create_flag, known_unless
from lapinq.commands.arguments.rules import breaker_rules, changes_of, number, or_none, share, with_kept
from lapinq.commands.console.api import api_flags, path, reached
from lapinq.commands.console.confirmation import confirm, yes_flag
from lapinq.commands.output.json_output import json_flag, json_of, print_done, print_json
from lapinq.commands.output.tables import headings_flag, print_table
from lapinq.commands.output.terminal import field_text, plain
from lapinq.commands.output.times import span
from lapinq_core.command_line.commands import Group

_BREAKERS = "/api/v1/breakers"
_BREAKER = "/api/v1/breakers/{}"
_name = click.argument("name")


@click.group(
    cls=Group,
    meant={"create": "breaker set", "add": "breaker set", "get": "breaker show", "delete": "breaker remove"},
)
def breaker() -> None:
    """List circuit breakers, and set, close and remove those of task names.

    The circuit breaker of a queue is part of its policy: lapinq queue set --breaker.
    """


@breaker.command("list")
@headings_flag
@json_flag
@api_flags
def list_breakers(as_json: bool, **given: object) -> None:
    """List the circuit breakers of queues and task names, with their state."""
    with reached(given) as api:
        found = api.get(_BREAKERS)
    if as_json:
        print_json(found)
        return
    now = datetime.now(UTC)
    headings = ["KIND", "NAME", "STATE", "WHY", "TRIES IN", "PARKED", "OPENS AFTER"]
    print_table(headings, [_row(one, now) for one in found.value], "There are no circuit breakers yet.")


@breaker.command()
@_name
@json_flag
@api_flags
def show(name: str, as_json: bool, **given: object) -> None:
    """Show the circuit breaker of the task NAME: its rules, its state, and why it opened."""
    with reached(given) as api:
        found = api.get(path(_BREAKER, name))
    if as_json:
        print_json(found)
        return
    fields: dict[str, Any] = found.value
    for field, value in fields.items():
        click.echo(field_text(field, value))


@breaker.command("set")
@_name
@click.option(
    "--failures-in-row",
    metavar="N|none",
    callback=or_none(number),
    help="Open after this many failures in a row.",
)
@click.option(
    "--failure-share",
    metavar="SHARE|none",
    callback=or_none(share),
    help="Open when this share of the attempts in the window failed.",
)
@click.option(
    "--window", "window_seconds", type=float, metavar="SECONDS", help="Length of the window (default 60)."
)
@click.option(
    "--least-attempts",
    type=int,
    metavar="N",
    help="Attempts in the window before their share counts (default 20).",
)
@click.option(
    "--retry-after",
    "retry_after_seconds",
    type=float,
    metavar="SECONDS",
    help="Seconds that it stays open before it tries one task (default 30).",
)
@create_flag
@json_flag
@api_flags
def set_(
    name: str,
    failures_in_row: object,
    failure_share: object,
    window_seconds: float | None,
    least_attempts: int | None,
    retry_after_seconds: float | None,
    create: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Give the tasks called NAME a circuit breaker, or change its rules. A rule that is not given stays."""
    rules = {
        "failures_in_row": failures_in_row,
        "failure_share": failure_share,
        "window_seconds": window_seconds,
        "least_attempts": least_attempts,
        "retry_after_seconds": retry_after_seconds,
    }
    changes = changes_of(rules)
    if not changes:
        raise click.UsageError("give what to change, such as --failures-in-row or --failure-share")
    with reached(given) as api, known_unless(create) as must_exist:
        body = with_kept(api, path(_BREAKER, name), changes, rules)
        found = api.call("PUT", path(_BREAKER, name), {"must_exist": must_exist}, body)
    is_told = "failures_in_row" in found.value  # a key without the scope read is not
    rules = f"{breaker_rules(found.value)}, " if is_told else ""
    done = f"{plain(name)}: {rules}{_state(found.value)}"
    print_done(found, done, as_json=as_json, source=found.value.get("source"))


@breaker.command()
@_name
@json_flag
@api_flags
def close(name: str, as_json: bool, **given: object) -> None:
    """Close the circuit breaker of the task NAME: its tasks start again within a second."""
    with reached(given) as api:
        found = api.post(path(_BREAKER, name) + "/close")
    print_done(found, f"closed the circuit breaker of the task {plain(name)}", as_json=as_json)


@breaker.command()
@_name
@yes_flag
@json_flag
@api_flags
def remove(name: str, is_sure: bool, as_json: bool, **given: object) -> None:
    """Remove the circuit breaker of the task NAME. Tasks that it parked start."""
    with reached(given) as api:
        confirm(f"Remove the circuit breaker of the task {plain(name)}?", is_sure=is_sure)
        api.delete(path(_BREAKER, name))
    # The API answers without a body.
    done = f"removed the circuit breaker of the task {plain(name)}"
    click.echo(json_of({"name": name, "removed": True}) if as_json else done)


def _row(one: Mapping[str, Any], now: datetime) -> list[object]:
    tries_at = one["next_try_at"]
    return [
        one["kind"],
        one["name"],
        _state(one),
        one["why"],
        None
        if tries_at is None
        else span(max(0.0, (datetime.fromisoformat(tries_at) - now).total_seconds())),
        one["parked"] if one["kind"] == "task" else None,
        breaker_rules(one),
    ]


def _state(one: Mapping[str, Any]) -> str:
    state: str = one["state"]
    return state.replace("_", " ")

"""`lapinq key`: creates, lists and deletes named API keys."""

import shlex
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import click

from lapinq.commands.console.api import api_flags, reached
from lapinq.commands.console.failure import Failed, saying
from lapinq.commands.output.json_output import json_flag, print_done, print_json
from lapinq.commands.output.tables import headings_flag, print_table
from lapinq.commands.output.terminal import plain
from lapinq.commands.output.times import Duration, utc_text
from lapinq_core.command_line.commands import Group
from lapinq_core.domain.accounts.account import Scope

_KEYS = "/api/v1/keys"
_HEADINGS = ("NAME", "HINT", "SCOPES", "QUEUES", "EXPIRES", "LAST USED", "CREATED BY")


@click.group(cls=Group, meant={"add": "key create", "remove": "key delete", "revoke": "key delete"})
def key() -> None:
    """Create, list and delete named API keys."""


@key.command()
@click.argument("name")
@click.option(
    "--scope",
    "-s",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    help="What the key may do. Repeatable; at least one is required.",
)
@click.option("--queue", "-q", "queues", multiple=True, help="Limit the key to this queue. Repeatable.")
@click.option(
    "--expires", type=Duration(), help="Time until the key expires, such as 90d. By default it never does."
)
@json_flag
@api_flags
def create(
    name: str,
    scopes: tuple[str, ...],
    queues: tuple[str, ...],
    expires: float | None,
    as_json: bool,
    **given: object,
) -> None:
    """Create a key and print it. It is never shown again."""
    if not scopes:
        raise click.UsageError(
            "give --scope, what the key may do: enqueue tasks, read them, manage them and the queues, or schedule;"
            f" for example: lapinq key create {shlex.quote(name)} --scope enqueue"
        )
    wanted = {"name": name, "scopes": scopes, "queues": queues or None, "expires_in": expires}
    with reached(given) as api:
        made = api.post(_KEYS, wanted)
    print_done(made, made.value["key"], as_json=as_json)


@key.command("list")
@headings_flag
@json_flag
@api_flags
def list_keys(as_json: bool, **given: object) -> None:
    """List the keys, without their secrets."""
    with reached(given) as api:
        found = api.get(_KEYS)
    if as_json:
        print_json(found)
    else:
        print_table(_HEADINGS, [_row(one) for one in found.value], "There are no named keys.")


@key.command()
@click.argument("name")
@json_flag
@api_flags
def delete(name: str, as_json: bool, **given: object) -> None:
    """Delete a key. All servers refuse it immediately."""
    unknown = f"no key {plain(name)}"
    with reached(given) as api:
        found = [one["id"] for one in api.get(_KEYS).value if one["name"] == name]
        if not found:
            raise Failed(unknown)
        with saying(HTTPStatus.NOT_FOUND, unknown):
            gone = api.delete(f"{_KEYS}/{found[0]}")
    print_done(gone, f"deleted {name}", as_json=as_json)


def _row(one: Mapping[str, Any]) -> list[object]:
    used = one["last_used_at"]
    expires, verb = one["expires_at"], "expired" if one["is_expired"] else "expires"
    return [
        one["name"],
        f"…{one['hint']}",
        ",".join(one["scopes"]),
        "all queues" if one["queues"] is None else ",".join(one["queues"]),
        "never expires" if expires is None else f"{verb} {utc_text(expires)}",
        "never used" if used is None else f"last used {utc_text(used)}",
        f"created by {one['created_by']}",
    ]

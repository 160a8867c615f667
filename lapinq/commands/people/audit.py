"""`lapinq audit`: shows who changed what."""

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from lapinq.commands.console.api import api_flags, reached
from lapinq.commands.output.json_output import json_flag, print_json
from lapinq.commands.output.tables import headings_flag, limit_flag, print_more, print_table
from lapinq.commands.output.times import PAST_MOMENT, utc_text
from lapinq_core.command_line.commands import Group

_HEADINGS = ("AT", "WHO", "BY", "ACTION", "TARGET", "DETAILS")


@click.group(cls=Group)
def audit() -> None:
    """List changes by users, keys and commands."""


@audit.command("list")
@click.option("--actor", help="Only changes by exactly this name.")
@click.option("--action", "-a", help="Only this action, such as task.cancel.")
@click.option(
    "--target", "-t", help="Only changes of exactly this target: an id, or the name of a queue or user."
)
@click.option(
    "--since",
    type=PAST_MOMENT,
    metavar="TIME",
    help="Only changes since then: how long ago, such as 2h, or a time.",
)
@click.option(
    "--until",
    type=PAST_MOMENT,
    metavar="TIME",
    help="Only changes before then: how long ago, such as 2h, or a time.",
)
@limit_flag
@headings_flag
@json_flag
@api_flags
def list_entries(
    actor: str | None,
    action: str | None,
    target: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
    **given: object,
) -> None:
    """List changes, newest first."""
    filters = {"actor": actor, "action": action, "target": target, "since": since, "until": until}
    with reached(given) as api:
        found = api.get("/api/v1/audit", **filters, limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(_HEADINGS, [_row(entry) for entry in found.value], "There are no such changes.")
    print_more(found)


def _row(entry: Mapping[str, Any]) -> list[object]:
    details = entry["details"]
    return [
        utc_text(entry["at"]),
        entry["actor"]["name"],
        entry["actor"]["kind"],
        entry["action"],
        entry["target"],
        None if details is None else msgspec.json.encode(details).decode(),
    ]

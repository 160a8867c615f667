"""`lapinq apply`: updates the database to match a file of schedules, or the declarations of a module."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import psycopg

from lapinq.commands.console.database import author, database_flags, run
from lapinq.commands.console.failure import Failed
from lapinq.commands.output.json_output import json_flag, json_of
from lapinq.commands.output.schedule_text import steps_text
from lapinq_core.command_line.commands import Command
from lapinq_core.db.startup import explained
from lapinq_core.domain.schedules.schedule_file import MODULE, read_file
from lapinq_core.domain.tasks.functions.module_name import module_of
from lapinq_core.runtime import exits
from lapinq_core.schedules import applying
from lapinq_core.schedules.applying import KeptElsewhere, StillTaken
from lapinq_core.schedules.comparing import Gone, Others, Step, Wanted, WantedRule
from lapinq_scheduler.registering import declarations


@click.command(cls=Command)
@click.argument("file_or_module")
@click.option(
    "--check", is_flag=True, help="Change nothing, and exit with 2 if something would: --dry-run --exit-code."
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Show what would change, and change nothing.")
@click.option(
    "--prune", is_flag=True, help="Delete from the database what this file or module no longer has."
)
@click.option(
    "--force",
    is_flag=True,
    help="Take over what belongs to another source or was made by hand; prune limits that waiting tasks take from.",
)
@click.option("--exit-code", "tells", is_flag=True, help="Exit with 2 if something changed or would change.")
@json_flag
@database_flags
def apply(
    file_or_module: str,
    check: bool,
    is_dry: bool,
    prune: bool,
    force: bool,
    tells: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Update the database to match a module: its schedules, limits, policies and circuit breakers.

    FILE_OR_MODULE may also be a TOML or JSON file of schedules. It checks everything before it changes anything.
    """
    is_dry, tells = is_dry or check, tells or check
    with explained():
        source, wanted = _wanted(file_or_module)
    gone = Gone.PAUSED if source.startswith(MODULE) else Gone.LEFT

    async def verb(conn: psycopg.AsyncConnection) -> list[Step]:
        try:
            return await applying.apply(
                conn,
                wanted,
                [source],
                by=author(),
                gone=Gone.DELETED if prune else gone,
                others=Others.TAKEN if force else Others.REFUSED,
                is_dry=is_dry,
            )
        except KeptElsewhere as error:
            raise Failed(f"{error}; --force takes them over") from error
        except StillTaken as error:
            raise Failed(f"{error}; --force deletes them, and these tasks start without them") from error

    steps = run(given, verb)
    click.echo(json_of(steps) if as_json else steps_text(steps, is_dry=is_dry))
    if tells and any(step.changes_something for step in steps):
        sys.exit(exits.CHANGES)


def _wanted(file_or_module: str) -> tuple[str, Sequence[Wanted | WantedRule]]:
    path = Path(file_or_module)
    if path.suffix == ".py":
        module = module_of(file_or_module) or "as Python imports it"
        raise click.BadParameter(
            f"{file_or_module!r} is Python: name its module, {module}", param_hint="FILE_OR_MODULE"
        )
    if not (path.is_file() or path.suffix in (".toml", ".json")):
        return MODULE + file_or_module, declarations([file_or_module], "command")
    try:
        written = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Failed(f"{path} can't be read: {error}") from error
    file = read_file(written, "json" if path.suffix == ".json" else "toml", datetime.now(UTC))
    # Only the last part of the path, which is the same wherever the file is.
    source = file.source or path.name
    return source, [
        Wanted(definition=entry.definition, source=source, enabled=entry.enabled) for entry in file.entries
    ]

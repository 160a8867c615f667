"""`lapinq doctor`: checks a set-up, and says how to fix what is wrong."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from lapinq.commands.console.api import api_flags, key_for, place_of, remote
from lapinq.commands.output.json_output import json_flag, json_of
from lapinq.commands.output.report_text import print_report
from lapinq_core.command_line.commands import Command
from lapinq_core.db.startup import explained
from lapinq_core.runtime import exits
from lapinq_core.runtime.settings import Settings


@click.command(cls=Command)
@click.option(
    "--verify",
    is_flag=True,
    help="Also check what every lane, key and limit counts against the tasks that wait and run.",
)
@json_flag
@api_flags
def doctor(verify: bool, as_json: bool, **given: object) -> None:
    """Check the database, the settings and the running processes, and say how to fix what is wrong.

    It changes and starts nothing. Exits with 1 if there are errors or warnings.
    """
    report = _report(given, verify=verify)
    if as_json:
        click.echo(json_of(report))
    else:
        print_report(report)
    sys.exit(0 if report["ok"] else exits.FAILED)


def _report(given: Mapping[str, object], *, verify: bool) -> dict[str, Any]:
    """The report as the API answers it.

    Unlike other commands this one must not need a database, so it doesn't run the API's application.
    """
    with explained():
        settings, server = place_of(given)
        if server is not None and verify:
            raise click.UsageError("--verify reads the database itself: leave out --server.")
        if server is not None:
            with remote(server, key_for(server, settings, given)) as api:
                return api.get("/api/v1/doctor").value
        from lapinq_core.doctor.examination import examine

        return msgspec.to_builtins(
            asyncio.run(examine(_with_embedded(settings), verifying=verify)), str_keys=True
        )


def _with_embedded(settings: Settings) -> Settings:
    """With the URL of the embedded database, if no database is named and that one runs."""
    if settings.database_url is not None:
        return settings
    from lapinq_core.db.embedded import EmbeddedDatabase

    url = EmbeddedDatabase(settings.data_dir, settings.pg_bin).url()
    return msgspec.structs.replace(settings, database_url=url)

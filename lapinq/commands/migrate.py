"""`lapinq migrate`."""

import os

import click

from lapinq.commands.output.json_output import json_flag, json_of
from lapinq_core.command_line.commands import Command
from lapinq_core.db.migrate import migrate as run_migrations
from lapinq_core.db.startup import database, explained
from lapinq_core.runtime import flags
from lapinq_core.runtime.settings import load_settings


@click.command(cls=Command)
@flags.database("PostgreSQL to migrate")
@click.option(
    "--lock-wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for another migration.",
)
@json_flag
def migrate(lock_wait: float, as_json: bool, **given: object) -> None:
    """Migrate the database's schema to this version. Safe to run from several places at the same time."""
    with explained():
        settings = load_settings(os.environ, **given)
        with database(settings) as url:
            if settings.database_url and not given["database_url"]:
                # Through a pooler the lock would stay with a session that outlives this command.
                url = settings.listen_database_url or url
            before, after = run_migrations(url, lock_wait=lock_wait)
    if as_json:
        click.echo(json_of({"revision": after, "previous": before}))
        return
    click.echo(f"schema is at {after}" + ("" if before == after else f" (was {before or 'not installed'})"))

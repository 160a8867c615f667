"""`lapinq db`: manages the embedded database."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from psycopg.conninfo import conninfo_to_dict

from lapinq.commands.output.json_output import json_flag, json_of
from lapinq_core.command_line.commands import Group
from lapinq_core.db.embedded import EmbeddedDatabase, NoBinaries, Status, StillInUse, find_psql
from lapinq_core.domain.errors import LapinqError
from lapinq_core.runtime import exits, flags
from lapinq_core.runtime.setting_values import EmptySetting, SettingsError
from lapinq_core.runtime.settings import load_settings

_place = flags.group(
    flags.option("data_dir"),
    flags.option("pg_bin"),
    flags.env_file(),
)


@click.group(cls=Group)
def db() -> None:
    """Manage the embedded PostgreSQL, which is for development."""


@db.command()
@_place
@json_flag
def start(data_dir: Path | None, pg_bin: Path | None, as_json: bool) -> None:
    """Start the database and leave it running until `lapinq db stop`."""
    with _reported():
        found = _database(data_dir, pg_bin).start()
    click.echo(json_of({"url": found}) if as_json else found)
    click.echo("This database is for development. It runs until `lapinq db stop`.", err=True)


@db.command()
@_place
@click.option("--force", is_flag=True, help="Stop it even if other processes use it.")
@json_flag
def stop(data_dir: Path | None, pg_bin: Path | None, force: bool, as_json: bool) -> None:
    """Stop the database, unless other processes use it."""
    with _reported():
        stopped = _database(data_dir, pg_bin).stop(force=force)
    if as_json:
        click.echo(json_of({"stopped": stopped}))
        return
    click.echo("Stopped." if stopped else "It wasn't running.")


@db.command()
@_place
@json_flag
def status(data_dir: Path | None, pg_bin: Path | None, as_json: bool) -> None:
    """Show the state of the database. Exits with 1 if it isn't running."""
    with _reported():
        found = _database(data_dir, pg_bin).status()
    if as_json:
        click.echo(json_of(_object(found)))
    else:
        for label, value in _facts(found):
            click.echo(f"{label:<9}{value}")
    sys.exit(0 if found.running else exits.FAILED)


@db.command()
@_place
def url(data_dir: Path | None, pg_bin: Path | None) -> None:
    """Print the URL of the running database. Exits with 1 if it isn't running."""
    with _reported():
        database = _database(data_dir, pg_bin)
        found = database.url()
    if found is None:
        click.echo(
            f"The database in {database.data_dir} isn't running. Start it with `lapinq db start`.", err=True
        )
        sys.exit(exits.FAILED)
    click.echo(found)


@db.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": ["--help"],  # -h is psql's own
    }
)
@_place
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(data_dir: Path | None, pg_bin: Path | None, arguments: tuple[str, ...]) -> None:
    """Run psql on the database, starting it if needed. ARGUMENTS are psql's own."""
    with _reported():
        database = _database(data_dir, pg_bin)
        program = find_psql(database.pg_bin)
        with database.use() as found, _interrupts_left_to_child():
            code = subprocess.call([str(program), *arguments], env=_psql_environment(found))  # noqa: S603
    sys.exit(code if code >= 0 else 128 - code)


def _database(data_dir: Path | None, pg_bin: Path | None) -> EmbeddedDatabase:
    settings = load_settings(os.environ, data_dir=data_dir, pg_bin=pg_bin)
    return EmbeddedDatabase(settings.data_dir, settings.pg_bin)


def _facts(found: Status) -> Generator[tuple[str, str]]:
    yield "state", f"{found.state} until `lapinq db stop`" if found.running and found.kept else found.state
    if found.version:
        yield "version", f"PostgreSQL {found.version}"
    yield "data", str(found.data_dir)
    if found.version:
        yield "size", f"{found.size / 1024 / 1024:.0f} MiB"
    if found.pid:
        yield "pid", str(found.pid)
    if found.url:
        yield "url", found.url
    if found.log:
        yield "log", str(found.log)
    yield "users", str(len(found.users))
    for user in found.users:
        yield "", str(user)


def _object(found: Status) -> dict[str, object]:
    """The same facts for programs. `size` is in bytes."""
    return {
        "state": found.state,
        "running": found.running,
        "kept": found.kept,
        "version": found.version,
        "data_dir": str(found.data_dir),
        "size": found.size,
        "pid": found.pid,
        "url": found.url,
        "log": None if found.log is None else str(found.log),
        "users": [str(user) for user in found.users],
    }


def _psql_environment(url: str) -> dict[str, str]:
    """The connection as libpq's variables, so that psql's own arguments can change any part of it."""
    parts = conninfo_to_dict(url)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    connection = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
    return inherited | {variable: str(parts[part]) for variable, part in connection.items()}


@contextmanager
def _interrupts_left_to_child() -> Generator[None]:
    """Ctrl-C cancels a query in psql and doesn't end us. (If we ignored it, psql would inherit that.)"""

    def nothing(_number: int, _frame: FrameType | None) -> None:
        return

    before = signal.signal(signal.SIGINT, nothing)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _reported() -> Generator[None]:
    """Prints lapinq's errors for people, and exits with the code of each."""
    try:
        yield
    except LapinqError as error:
        hint = "\nStop them first, or use --force." if isinstance(error, StillInUse) else ""
        click.echo(f"Error: {error}{hint}", err=True)
        match error:
            case NoBinaries():
                sys.exit(exits.NO_DATABASE)
            case EmptySetting():
                sys.exit(exits.EMPTY_SETTING)
            case SettingsError():
                sys.exit(exits.USAGE)
            case _:
                sys.exit(exits.FAILED)

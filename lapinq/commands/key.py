"""`lapinq key`: creates, lists and deletes named API keys, directly on the database."""

import secrets

import click
import msgspec
import psycopg

from lapinq.commands.console.database import author, database_flags, run
from lapinq.commands.console.failure import Failed
from lapinq.commands.console.json_output import json_flag, json_of
from lapinq_core.command_line.commands import Group
from lapinq_core.domain.accounts.account import Scope
from lapinq_core.domain.accounts.api_key import SECRET_BYTES, key_of
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.people import keys
from lapinq_core.people.keys import KeyRecord


@click.group(cls=Group)
def key() -> None:
    """Create, list and delete named API keys."""


@key.command()
@click.argument("name")
@click.option(
    "--scope",
    "-s",
    "asked",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What the key may do. Repeatable.",
)
@json_flag
@database_flags
def create(name: str, asked: tuple[str, ...], as_json: bool, **given: object) -> None:
    """Create a key and print it. It is never shown again."""
    try:
        check_name("NAME", name)
    except InvalidValue as error:
        raise click.BadParameter(f"it {error.msg}", param_hint="NAME") from error
    made = key_of(secrets.token_bytes(SECRET_BYTES))
    scopes = [scope for scope in Scope if scope in asked]
    record = run(given, lambda conn: keys.create(conn, name, made, scopes, by=author()))
    click.echo(json_of({**msgspec.structs.asdict(record), "key": made}) if as_json else made)


@key.command("list")
@json_flag
@database_flags
def list_keys(as_json: bool, **given: object) -> None:
    """List the keys, without the keys themselves."""
    records = run(given, keys.list_all)
    if as_json:
        click.echo(json_of(records))
        return
    for record in records:
        click.echo(_line(record))


@key.command()
@click.argument("name")
@database_flags
def delete(name: str, **given: object) -> None:
    """Delete a key. All servers refuse it immediately."""

    async def verb(conn: psycopg.AsyncConnection) -> bool:
        for record in await keys.list_all(conn):
            if record.name == name:
                return await keys.delete(conn, record.id, by=author())
        return False

    if not run(given, verb):
        raise Failed(f"no key {name}")
    click.echo(f"deleted {name}")


def _line(record: KeyRecord) -> str:
    used = f"last used {record.last_used_at:%Y-%m-%d %H:%M}" if record.last_used_at else "never used"
    return (
        f"{record.name:<24}  …{record.hint}  {','.join(record.scopes):<20}  {used}, created by"
        f" {record.created_by}"
    )

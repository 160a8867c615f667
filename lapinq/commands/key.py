"""`lapinq key`: make, list and delete named API keys, straight on the database."""

import secrets

import click
import msgspec
import psycopg

from lapinq.commands.console.database import author, database_flags, run
from lapinq.commands.console.terminal import json_text
from lapinq_core.domain.accounts.account import Scope
from lapinq_core.domain.accounts.api_key import SECRET_BYTES, key_of
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.json_times import encode
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.people import keys
from lapinq_core.people.keys import KeyRecord
from lapinq_core.runtime import exits


class _Failed(click.ClickException):
    exit_code = exits.FAILED


_as_json = click.option("--json", "-j", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def key() -> None:
    """Make, list and delete named API keys."""


@key.command()
@click.argument("name")
@click.option(
    "--scope",
    "-s",
    "asked",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What the key may do; may be repeated.",
)
@_as_json
@database_flags
def create(name: str, asked: tuple[str, ...], as_json: bool, **given: object) -> None:
    """Make a key and print it. It can't be shown again."""
    try:
        check_name("NAME", name)
    except InvalidValue as error:
        raise click.BadParameter(f"it {error.msg}", param_hint="NAME") from error
    made = key_of(secrets.token_bytes(SECRET_BYTES))
    scopes = [scope for scope in Scope if scope in asked]
    record = run(given, lambda conn: keys.create(conn, name, made, scopes, by=author()))
    click.echo(_json({**msgspec.structs.asdict(record), "key": made}) if as_json else made)


@key.command("list")
@_as_json
@database_flags
def list_keys(as_json: bool, **given: object) -> None:
    """List the keys, without the keys themselves."""
    records = run(given, keys.list_all)
    if as_json:
        click.echo(_json(records))
        return
    for record in records:
        click.echo(_line(record))


@key.command()
@click.argument("name")
@database_flags
def delete(name: str, **given: object) -> None:
    """Delete a key. It stops working at once."""

    async def verb(conn: psycopg.AsyncConnection) -> bool:
        for record in await keys.list_all(conn):
            if record.name == name:
                return await keys.delete(conn, record.id, by=author())
        return False

    if not run(given, verb):
        raise _Failed(f"no key {name}")
    click.echo(f"deleted {name}")


def _line(record: KeyRecord) -> str:
    used = f"last used {record.last_used_at:%Y-%m-%d %H:%M}" if record.last_used_at else "never used"
    return f"{record.name:<24}  …{record.hint}  {','.join(record.scopes):<20}  {used}, made by {record.created_by}"


def _json(value: object) -> str:
    return json_text(encode(value).decode())

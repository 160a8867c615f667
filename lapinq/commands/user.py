"""`lapinq user`: manages users directly on the database, so it also helps when nobody can log in."""

import sys
from collections.abc import Callable
from typing import TypeVar

import click
import msgspec
import psycopg

from lapinq.commands.console.database import author, database_flags, run
from lapinq.commands.console.failure import Failed
from lapinq.commands.console.json_output import json_flag, json_of
from lapinq_core.command_line.commands import Group
from lapinq_core.domain.accounts.account import Role
from lapinq_core.domain.accounts.grants import write_grants
from lapinq_core.domain.accounts.passwords import check_password, check_username, could_be_username
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.people import audit, sessions, users
from lapinq_core.people.users import Changed, Credentials, User

Command = TypeVar("Command", bound=Callable[..., object])

_NO_TOKEN = b""
"""No session has this token hash, so all of them end."""


_role = click.Choice([role.value for role in Role])


def _password_flags(command: Command) -> Command:
    return click.option(
        "--password-stdin",
        "from_stdin",
        is_flag=True,
        help="Read the password from the first line of standard input instead of asking.",
    )(command)


@click.group(cls=Group)
def user() -> None:
    """List, add, change and delete the users of the dashboard."""


@user.command("list")
@json_flag
@database_flags
def list_users(as_json: bool, **given: object) -> None:
    """List the users and their permissions on each queue."""
    found = run(given, users.list_all)
    if as_json:
        shown = [
            {**msgspec.structs.asdict(one), "permissions": write_grants(one.permissions)} for one in found
        ]
        click.echo(json_of(shown))
        return
    for one in found:
        click.echo(_line(one))


@user.command()
@click.argument("username")
@click.option("--role", type=_role, default=Role.USER.value, show_default=True, help="What they are.")
@_password_flags
@database_flags
def add(username: str, role: str, from_stdin: bool, **given: object) -> None:
    """Create a user and ask for the password."""
    _checked(lambda: check_username("the username", username))
    password = _ask_for_password(username, from_stdin=from_stdin)

    async def verb(conn: psycopg.AsyncConnection) -> User | None:
        password_hash = await _hash(password)
        async with conn.transaction():
            made = await users.create(conn, username, password_hash, Role(role))
            if made is not None:
                await audit.record(conn, author().did("user.create", username, {"id": made.id, "role": role}))
            return made

    if run(given, verb) is None:
        raise Failed(f"a user {username} exists already")
    click.echo(f"created {username}")


@user.command()
@click.argument("username")
@_password_flags
@database_flags
def password(username: str, from_stdin: bool, **given: object) -> None:
    """Set a user's new password and end all their sessions."""
    new = _ask_for_password(username, from_stdin=from_stdin)

    async def verb(conn: psycopg.AsyncConnection) -> bool:
        password_hash = await _hash(new)
        async with conn.transaction():
            known = await _find(conn, username)
            if known is None or not await users.set_password(conn, known, password_hash):
                return False
            await sessions.revoke_others(conn, known.id, _NO_TOKEN)
            await audit.record(conn, author().did("account.password", known.username, {"id": known.id}))
            return True

    if not run(given, verb):
        raise Failed(f"there is no user {username}")
    click.echo(f"{username} has a new password")


@user.command()
@click.argument("username")
@click.argument("role", type=_role, metavar="ROLE")
@database_flags
def role(username: str, role: str, **given: object) -> None:
    """Change a user's role. The last admin stays an admin."""

    async def verb(conn: psycopg.AsyncConnection) -> Changed:
        async with conn.transaction():
            known = await _find(conn, username)
            if known is None:
                return Changed.UNKNOWN
            changed, now = await users.set_role(conn, known.id, Role(role))
            if now is not None:
                await audit.record(
                    conn, author().did("user.role", now.username, {"id": now.id, "role": role})
                )
            return changed

    _done(run(given, verb), username)
    click.echo(f"{username} is now {'an admin' if role == Role.ADMIN else 'a user'}")


@user.command()
@click.argument("username")
@database_flags
def delete(username: str, **given: object) -> None:
    """Delete a user and end their sessions. The last admin can't be deleted."""

    async def verb(conn: psycopg.AsyncConnection) -> Changed:
        async with conn.transaction():
            known = await _find(conn, username)
            if known is None:
                return Changed.UNKNOWN
            changed, gone = await users.delete(conn, known.id)
            if gone is not None:
                await audit.record(
                    conn, author().did("user.delete", gone.username, {"id": gone.id, "role": gone.role})
                )
            return changed

    _done(run(given, verb), username)
    click.echo(f"deleted {username}")


async def _find(conn: psycopg.AsyncConnection, username: str) -> Credentials | None:
    return await users.credentials(conn, username) if could_be_username(username) else None


def _done(changed: Changed, username: str) -> None:
    if changed is Changed.UNKNOWN:
        raise Failed(f"there is no user {username}")
    if changed is Changed.LAST_ADMIN:
        raise Failed(f"{username} is the last admin: nobody could create another admin")


def _ask_for_password(username: str, *, from_stdin: bool) -> str:
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    else:
        given = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    _checked(lambda: check_password("the password", given, username))
    return given


async def _hash(password: str) -> str:
    from lapinq_api.credentials.passwords import Passwords  # here, because it imports the web framework

    return await Passwords().hash(password)


def _checked(check: Callable[[], None]) -> None:
    try:
        check()
    except InvalidValue as error:
        raise Failed(f"{error.loc} {error.msg}") from error


def _line(one: User) -> str:
    queues = "  ".join(f"{queue}: {', '.join(able)}" for queue, able in write_grants(one.permissions).items())
    warning = "  has the default password" if one.has_default_password else ""
    return f"{one.username:<24}  {one.role.value:<6}{warning}  {queues}".rstrip()

"""`lapinq user`: manages the users of the dashboard."""

import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import click
import psycopg

from lapinq.commands.arguments.creating import create_flag, known_unless
from lapinq.commands.console.api import Api, api_flags, reached
from lapinq.commands.console.database import author, database_flags, run
from lapinq.commands.console.failure import Failed, RefusedValue, saying
from lapinq.commands.output.json_output import json_flag, json_of, print_done, print_json
from lapinq.commands.output.tables import headings_flag, print_table
from lapinq_core.command_line.commands import Group
from lapinq_core.domain.accounts.account import Role
from lapinq_core.domain.accounts.passwords import check_password, check_username, could_be_username
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.people import audit, sessions, users

Command = TypeVar("Command", bound=Callable[..., object])

_USERS = "/admin/users"
_HEADINGS = ("USERNAME", "ROLE", "READS", "PERMISSIONS", "PASSWORD")
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


@click.group(cls=Group, meant={"create": "user add", "remove": "user delete", "show": "user list"})
def user() -> None:
    """List, add, change and delete the users of the dashboard."""


@user.command("list")
@headings_flag
@json_flag
@api_flags
def list_users(as_json: bool, **given: object) -> None:
    """List the users, which queues they may read, and their permissions on each queue."""
    with reached(given) as api:
        found = api.get("/api/v1/users")
    if as_json:
        print_json(found)
    else:
        print_table(_HEADINGS, [_row(one) for one in found.value], "There are no users yet.")


@user.command()
@click.argument("username")
@click.option("--role", type=_role, default=Role.USER.value, show_default=True, help="The user's role.")
@click.option(
    "--queue",
    "-q",
    "queues",
    multiple=True,
    help="Let the user read this queue only. Repeatable. By default they may read all.",
)
@create_flag
@_password_flags
@json_flag
@api_flags
def add(
    username: str,
    role: str,
    queues: tuple[str, ...],
    create: bool,
    from_stdin: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Create a user and ask for the password."""
    _checked(lambda: check_username("the username", username))
    password = _ask_for_password(username, from_stdin=from_stdin)
    with reached(given) as api, saying(HTTPStatus.CONFLICT, f"a user {username} exists already"):
        limits = {"reads": queues} if queues else {}
        body = {"username": username, "password": password, "role": role, **limits}
        with known_unless(create) as must_exist:
            made = api.post(_USERS, body, must_exist=must_exist)
    print_done(made, f"created {username}", as_json=as_json)


@user.command()
@click.argument("username")
@_password_flags
@json_flag
@database_flags
def password(username: str, from_stdin: bool, as_json: bool, **given: object) -> None:
    """Set a user's new password and end all their sessions.

    It needs only the database, so it also works when nobody can log in.
    """
    new = _ask_for_password(username, from_stdin=from_stdin)

    async def verb(conn: psycopg.AsyncConnection) -> bool:
        password_hash = await _hash(new)
        async with conn.transaction():
            known = await users.credentials(conn, username) if could_be_username(username) else None
            if known is None or not await users.set_password(conn, known, password_hash):
                return False
            await sessions.revoke_others(conn, known.id, _NO_TOKEN)
            await audit.record(conn, author().did("account.password", known.username, {"id": known.id}))
            return True

    if not run(given, verb):
        raise _unknown(username)
    done = {"username": username, "changed": True}
    click.echo(json_of(done) if as_json else f"{username} has a new password")


@user.command()
@click.argument("username")
@click.argument("role", type=_role, metavar="ROLE")
@json_flag
@api_flags
def role(username: str, role: str, as_json: bool, **given: object) -> None:
    """Change a user's role. The last admin stays an admin."""
    with reached(given) as api:
        changed = api.post(f"{_USERS}/{_find(api, username)['id']}/role", {"role": role})
    print_done(
        changed, f"{username} is now {'an admin' if role == Role.ADMIN else 'a user'}", as_json=as_json
    )


@user.command()
@click.argument("username")
@click.argument("grants", nargs=-1, required=True, metavar="QUEUE=PERMISSIONS...")
@create_flag
@json_flag
@api_flags
def permit(username: str, grants: tuple[str, ...], create: bool, as_json: bool, **given: object) -> None:
    """Set what a user may do with the tasks of queues. Other queues stay as they are.

    PERMISSIONS are separated by commas: enqueue, decide, cancel, requeue, delete, pause, payload. QUEUE= without
    permissions removes all of them.
    """
    asked = dict(_grant(text) for text in grants)
    with reached(given) as api:
        found = _find(api, username)
        queues = {**found["permissions"], **asked}
        with known_unless(create) as must_exist:
            changed = api.post(
                f"{_USERS}/{found['id']}/permissions", {"queues": queues}, must_exist=must_exist
            )
    print_done(changed, f"{username} may now: {_permissions(changed.value) or 'only read'}", as_json=as_json)


@user.command()
@click.argument("username")
@click.argument("queues", nargs=-1, metavar="[QUEUE]...")
@click.option("--all", "may_read_all", is_flag=True, help="Let the user read all queues.")
@create_flag
@json_flag
@api_flags
def reads(
    username: str,
    queues: tuple[str, ...],
    may_read_all: bool,
    create: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Set which queues a user may read.

    They replace the earlier ones. A user always reads the queues on which they have a permission, and an admin all.
    """
    if bool(queues) is may_read_all:
        raise click.UsageError("name the queues that the user may read, or give --all")
    with reached(given) as api:
        found = _find(api, username)
        with known_unless(create) as must_exist:
            changed = api.post(
                f"{_USERS}/{found['id']}/reads", {"queues": queues or None}, must_exist=must_exist
            )
    print_done(changed, f"{username} may now read: {_reads(changed.value)}", as_json=as_json)


@user.command()
@click.argument("username")
@json_flag
@api_flags
def delete(username: str, as_json: bool, **given: object) -> None:
    """Delete a user and end their sessions. The last admin can't be deleted."""
    with reached(given) as api:
        gone = api.delete(f"{_USERS}/{_find(api, username)['id']}")
    print_done(gone, f"deleted {username}", as_json=as_json)


def _find(api: Api, username: str) -> Mapping[str, Any]:
    """Usernames differ in more than upper and lower case."""
    for one in api.get("/api/v1/users").value:
        if one["username"].lower() == username.lower():
            return one
    raise _unknown(username)


def _unknown(username: str) -> Failed:
    return Failed(f"there is no user {username}")


def _grant(text: str) -> tuple[str, list[str]]:
    queue, equals, permissions = text.rpartition("=")
    if not equals:
        raise click.BadParameter("must be a queue and its permissions, such as mail=cancel,requeue")
    return queue, [one.strip() for one in permissions.split(",") if one.strip()]


def _ask_for_password(username: str, *, from_stdin: bool) -> str:
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise click.UsageError(
            "the password is asked for on a terminal only: add --password-stdin to read it from standard input"
        )
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
        raise RefusedValue(f"{error.loc} {error.msg}", HTTPStatus.BAD_REQUEST) from error


def _row(one: Mapping[str, Any]) -> list[object]:
    password = "has the default password" if one["has_default_password"] else None
    return [one["username"], one["role"], _reads(one), _permissions(one), password]


def _reads(one: Mapping[str, Any]) -> str:
    if one.get("reads") is None or one["role"] == Role.ADMIN:
        return "all queues"
    return ", ".join(sorted({*one["reads"], *one["permissions"]}))


def _permissions(one: Mapping[str, Any]) -> str:
    return "; ".join(f"{queue}: {', '.join(able)}" for queue, able in one["permissions"].items())

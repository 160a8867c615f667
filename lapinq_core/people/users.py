"""Users: their names, roles, permissions and password hashes."""

from datetime import datetime
from enum import StrEnum

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.accounts.account import Role
from lapinq_core.domain.accounts.grants import Grants, read_grants, write_grants

sql = sql_of(__name__)
_grants = msgspec.json.Decoder(dict[str, list[str]])


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user. `reads` are the queues that they may read besides those of their permissions, None for all.

    `has_default_password`: still has the default password.
    """

    id: int
    username: str
    role: Role
    permissions: Grants
    reads: list[str] | None
    has_default_password: bool
    created_at: datetime


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a password is checked against."""

    id: int
    username: str
    password_hash: str
    has_default_password: bool


class Changed(StrEnum):
    """The outcome of a change that could remove the last admin."""

    DONE = "done"
    UNKNOWN = "unknown"
    LAST_ADMIN = "last admin"


async def create(
    conn: psycopg.AsyncConnection,
    username: str,
    password_hash: str,
    role: Role,
    reads: list[str] | None = None,
) -> User | None:
    """The new user; None if the name is taken, ignoring case."""
    params: dict[str, object] = {"username": username, "password_hash": password_hash, "role": role}
    return await _one(conn, "create_user", {**params, "reads": reads})


async def has_any(conn: psycopg.AsyncConnection) -> bool:
    """Whether there is any user."""
    return await first_value(conn, sql("has_users"))


async def create_first(
    conn: psycopg.AsyncConnection, username: str, password_hash: str, *, has_default_password: bool
) -> int | None:
    """The id of a new admin, if there was no user yet. Of several concurrent calls, one creates it."""
    params = {
        "username": username,
        "password_hash": password_hash,
        "has_default_password": has_default_password,
    }
    async with conn.transaction():
        await conn.execute(sql("lock_first_user"))
        return await first_value(conn, sql("create_first_user"), params)


async def default_login(conn: psycopg.AsyncConnection) -> str | None:
    """The name of a user who still has the default password; None if there is none."""
    return await first_value(conn, sql("default_login"))


async def list_all(conn: psycopg.AsyncConnection) -> list[User]:
    """All users by name."""
    return [_user(row) for row in await all_rows(conn, sql("list_users"))]


async def folded(conn: psycopg.AsyncConnection, username: str) -> str:
    """The name folded to lower case, as the database compares names."""
    return await first_value(conn, sql("fold_username"), {"username": username})


async def credentials(conn: psycopg.AsyncConnection, username: str) -> Credentials | None:
    """What a login with this name is checked against; None for an unknown name."""
    row = await maybe_row(conn, sql("find_credentials"), {"username": username})
    if row is None:
        return None
    return Credentials(id=row[0], username=row[1], password_hash=row[2], has_default_password=row[3])


async def set_role(conn: psycopg.AsyncConnection, user_id: int, role: Role) -> tuple[Changed, User | None]:
    """Changes a user's role, unless no admin would remain. Runs in the caller's transaction."""
    if role is not Role.ADMIN and await _is_last_admin(conn, user_id):
        return Changed.LAST_ADMIN, None
    user = await _one(conn, "set_role", {"id": user_id, "role": role})
    return (Changed.DONE, user) if user else (Changed.UNKNOWN, None)


async def delete(conn: psycopg.AsyncConnection, user_id: int) -> tuple[Changed, User | None]:
    """Deletes a user, their sessions and API keys, unless no admin would remain. Runs in the caller's transaction."""
    if await _is_last_admin(conn, user_id):
        return Changed.LAST_ADMIN, None
    user = await _one(conn, "delete_user", {"id": user_id})
    return (Changed.DONE, user) if user else (Changed.UNKNOWN, None)


async def set_permissions(conn: psycopg.AsyncConnection, user_id: int, grants: Grants) -> User | None:
    """Replaces a user's permissions; None for an unknown id."""
    permissions = msgspec.json.encode(write_grants(grants)).decode()
    return await _one(conn, "set_permissions", {"id": user_id, "permissions": permissions})


async def set_reads(conn: psycopg.AsyncConnection, user_id: int, queues: list[str] | None) -> User | None:
    """Sets which queues a user may read, None for all; None for an unknown id."""
    return await _one(conn, "set_reads", {"id": user_id, "reads": queues})


async def set_password(conn: psycopg.AsyncConnection, known: Credentials, password_hash: str) -> bool:
    """Sets a new password for the user in `known`; False if the password has changed since, or the user is gone."""
    params = {"id": known.id, "old_hash": known.password_hash, "password_hash": password_hash}
    return await maybe_row(conn, sql("set_password"), params) is not None


async def rehash(conn: psycopg.AsyncConnection, known: Credentials, password_hash: str) -> None:
    """Stores another hash of the same password."""
    params = {"id": known.id, "old_hash": known.password_hash, "password_hash": password_hash}
    await conn.execute(sql("rehash_password"), params)


async def _is_last_admin(conn: psycopg.AsyncConnection, user_id: int) -> bool:
    """Whether there is no other admin. Locks all admins until the end of the transaction."""
    return [row[0] for row in await all_rows(conn, sql("lock_admins"))] == [user_id]


async def _one(conn: psycopg.AsyncConnection, verb: str, params: dict[str, object]) -> User | None:
    row = await maybe_row(conn, sql(verb), params)
    return _user(row) if row else None


def _user(row: tuple[int, str, str, str, list[str] | None, bool, datetime]) -> User:
    return User(
        id=row[0],
        username=row[1],
        role=Role(row[2]),
        permissions=read_grants(_grants.decode(row[3])),
        reads=row[4],
        has_default_password=row[5],
        created_at=row[6],
    )

"""Dashboard sessions. A session is found by the hash of its token; lists show its id.

Each request reads the user's role and permissions with the session, so that a change takes effect immediately.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.accounts.account import Actor, ActorKind, Role
from lapinq_core.domain.accounts.grants import Grants, read_grants
from lapinq_core.people.users import Credentials

sql = sql_of(__name__)
_grants = msgspec.json.Decoder(dict[str, list[str]])

IDLE_SECONDS = 12 * 3600.0
ABSOLUTE_SECONDS = 7 * 86_400.0
TOUCH_SECONDS = 60.0
"""The last use is recorded at most this often."""
MAX_SESSIONS = 100
"""For one user; another login ends the oldest."""
PASS_LIMIT = 500

_LIMITS = {"idle": IDLE_SECONDS, "absolute": ABSOLUTE_SECONDS}


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A valid session and its user. `default_login` names a user who still has the default password.

    `reads` are the queues that they may read besides those of their permissions, None for all.
    """

    id: str
    user_id: int
    username: str
    role: Role
    permissions: Grants
    reads: frozenset[str] | None
    has_default_password: bool
    default_login: str | None

    @property
    def actor(self) -> Actor:
        """Its user as the actor of a request."""
        return actor_of_user(self.user_id, self.username, self.role, self.permissions, self.reads)


class SessionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A session in its user's list. `is_current`: the one that makes the request."""

    id: str
    created_at: datetime
    seen_at: datetime
    address: str | None
    user_agent: str | None
    is_current: bool


class Presence(msgspec.Struct, frozen=True):
    """How many valid sessions a user has, and when one was last used, to the minute."""

    count: int
    seen_at: datetime


class EndedSession(msgspec.Struct, frozen=True):
    """A session that has ended, and its user."""

    id: str
    user_id: int
    username: str


def actor_of_user(
    user_id: int, username: str, role: Role, permissions: Grants, reads: Iterable[str] | None
) -> Actor:
    """A user as the actor of a request. `reads` as in `Session`."""
    is_admin = role is Role.ADMIN
    acts_on = [queue for queue, able in permissions.items() if able]
    return Actor(
        kind=ActorKind.USER,
        id=user_id,
        name=username,
        is_admin=is_admin,
        permissions=permissions,
        queues=None if is_admin or reads is None else frozenset(reads).union(acts_on),
    )


async def create(
    conn: psycopg.AsyncConnection,
    token_hash: bytes,
    known: Credentials,
    *,
    address: str | None,
    user_agent: str | None,
) -> str | None:
    """The id of a new session; None if the user was deleted or the password has changed since."""
    params = {
        "token_hash": token_hash,
        "user_id": known.id,
        "password_hash": known.password_hash,
        "address": address,
        "user_agent": user_agent,
    }
    row = await maybe_row(conn, sql("create_session"), params)
    if row is None:
        return None
    await conn.execute(sql("trim_sessions"), {"user_id": known.id, "most": MAX_SESSIONS})
    return row[0]


async def find(conn: psycopg.AsyncConnection, token_hash: bytes) -> Session | None:
    """The valid session with this token, marked as used; None if there is none."""
    params = {"token_hash": token_hash, "touch": TOUCH_SECONDS, **_LIMITS}
    row = await maybe_row(conn, sql("find_session"), params, prepare=True)
    if row is None:
        return None
    if row[8]:
        await conn.execute(sql("touch_session"), {"token_hash": token_hash})
    return Session(
        id=row[0],
        user_id=row[1],
        username=row[2],
        role=Role(row[3]),
        permissions=read_grants(_grants.decode(row[4])),
        reads=None if row[5] is None else frozenset(row[5]),
        has_default_password=row[6],
        default_login=row[7],
    )


async def list_of(conn: psycopg.AsyncConnection, user_id: int, token_hash: bytes) -> list[SessionLine]:
    """A user's valid sessions, the last used first; that of `token_hash` is the current one."""
    params = {"user_id": user_id, "token_hash": token_hash, **_LIMITS}
    rows = await all_rows(conn, sql("list_sessions"), params)
    return [
        SessionLine(
            id=row[0],
            created_at=row[1],
            seen_at=row[2],
            address=row[3],
            user_agent=row[4],
            is_current=row[5],
        )
        for row in rows
    ]


async def presences(conn: psycopg.AsyncConnection) -> dict[int, Presence]:
    """Valid sessions by user id; users without any are left out."""
    rows = await all_rows(conn, sql("count_sessions"), _LIMITS)
    return {user_id: Presence(count, seen_at) for user_id, count, seen_at in rows}


async def end(conn: psycopg.AsyncConnection, token_hash: bytes) -> EndedSession | None:
    """Ends the session of a token and returns it, if there is one."""
    row = await maybe_row(conn, sql("end_session"), {"token_hash": token_hash})
    return EndedSession(*row[:3]) if row else None


async def revoke(conn: psycopg.AsyncConnection, user_id: int, session_id: str) -> bool:
    """Ends a session of a user; False if they have none with this id."""
    params = {"user_id": user_id, "id": session_id}
    return await maybe_row(conn, sql("revoke_session"), params) is not None


async def revoke_others(conn: psycopg.AsyncConnection, user_id: int, token_hash: bytes) -> list[str]:
    """Ends all sessions of a user except that of `token_hash`; returns their ids."""
    params = {"user_id": user_id, "token_hash": token_hash}
    return [row[0] for row in await all_rows(conn, sql("revoke_sessions"), params)]


async def revoke_all(conn: psycopg.AsyncConnection, user_id: int) -> tuple[str, list[str]] | None:
    """Ends all sessions of a user; returns the user's name and the ids of the sessions, None for an unknown user."""
    row = await maybe_row(conn, sql("revoke_all_sessions"), {"user_id": user_id})
    return (row[0], row[1]) if row else None


async def prune(conn: psycopg.AsyncConnection, limit: int = PASS_LIMIT) -> int:
    """Deletes expired sessions; returns how many."""
    return await first_value(conn, sql("prune_sessions"), {"limit": limit, **_LIMITS})

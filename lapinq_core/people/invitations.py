"""One-time links with which a user sets a password: the first one, or a new one instead of a forgotten one.

The link holds a random token of 256 bits, of which only a hash is stored. So reading the table lets nobody in.
"""

import hashlib
import secrets
from datetime import datetime
from enum import StrEnum

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

LASTS_SECONDS = 24 * 3600.0


class Purpose(StrEnum):
    """What a link is for."""

    INVITE = "invite"
    """The user never had a password."""
    RESET = "reset"


class Link(msgspec.Struct, frozen=True):
    """A new link. Only its maker ever sees the token."""

    token: str
    username: str
    expires_at: datetime


class Invitation(msgspec.Struct, frozen=True):
    """The user of a link that works."""

    user_id: int
    username: str
    purpose: Purpose


class OpenLink(msgspec.Struct, frozen=True):
    """A link that was not used yet."""

    purpose: Purpose
    expires_at: datetime


async def create(conn: psycopg.AsyncConnection, user_id: int, purpose: Purpose, by: str) -> Link | None:
    """A link for this user, which replaces an earlier one; None for an unknown user."""
    token = secrets.token_urlsafe(32)
    params = {
        "user_id": user_id,
        "token_hash": _hash(token),
        "purpose": purpose,
        "created_by": by,
        "seconds": LASTS_SECONDS,
    }
    row = await maybe_row(conn, sql("create_invitation"), params)
    return Link(token, *row) if row else None


async def find(conn: psycopg.AsyncConnection, token: str) -> Invitation | None:
    """The user whom the token lets in; None if it was used or replaced, or has expired."""
    row = await maybe_row(conn, sql("find_invitation"), {"token_hash": _hash(token)})
    return Invitation(row[0], row[1], Purpose(row[2])) if row else None


async def use(conn: psycopg.AsyncConnection, token: str, password_hash: str) -> tuple[int, str] | None:
    """Sets the password of the token's user, whose id and name it returns; None if the token lets nobody in."""
    params = {"token_hash": _hash(token), "password_hash": password_hash}
    row = await maybe_row(conn, sql("use_invitation"), params)
    return (row[0], row[1]) if row else None


async def end(conn: psycopg.AsyncConnection, user_id: int) -> bool:
    """Makes a user's link stop working; False if there was none. Comes before the user's sessions are ended."""
    return await maybe_row(conn, sql("end_invitation"), {"user_id": user_id}) is not None


async def list_open(conn: psycopg.AsyncConnection) -> dict[int, OpenLink]:
    """The links that were not used yet, by user."""
    rows = await all_rows(conn, sql("open_invitations"))
    return {user_id: OpenLink(Purpose(purpose), expires_at) for user_id, purpose, expires_at in rows}


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()

"""Named API keys. Only a key's digest is stored, never the key (`lapinq_core.domain.accounts.api_key`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.accounts.account import Actor, ActorKind, Scope
from lapinq_core.domain.accounts.api_key import digest_of, hint_of
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

ACCESS_CHANNEL = "lapinq_access"
"""Notifies servers that a key was deleted, or that a user or a session changed."""
MAX_KEYS = 1000

sql = sql_of(__name__)


class NameTaken(LapinqError):
    """A key with this name exists already."""


class TooManyKeys(LapinqError):
    """There are already as many keys as allowed; delete one that is no longer used."""


class UnknownOwner(LapinqError):
    """The user who makes a key has been deleted meanwhile."""


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to make. `queues` are those that it is limited to, None for all; `expires_in` is in seconds, None never."""

    name: str
    scopes: Sequence[Scope]
    queues: Sequence[str] | None = None
    expires_in: float | None = None


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A named key without the key itself. `hint` is its last characters. `last_used_at` lags by a minute at most.

    `owner` is the user who made it, and with whom it goes; null if no user did.
    """

    id: int
    name: str
    scopes: list[Scope]
    queues: list[str] | None
    hint: str
    owner: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    is_expired: bool
    last_used_at: datetime | None


class FoundKey(msgspec.Struct, frozen=True):
    """The actor of a valid key, and in how many seconds it expires; None is never."""

    actor: Actor
    seconds_left: float | None


async def create(conn: psycopg.AsyncConnection, new: NewKey, key: str, *, by: Author) -> KeyRecord:
    """Stores `key` and adds an audit entry. A user who makes it becomes its owner.

    Raises `NameTaken`, `TooManyKeys` and `UnknownOwner`.
    """
    owner_id = by.actor_id if by.actor_kind is ActorKind.USER else None
    params = {
        "name": new.name,
        "key_hash": digest_of(key.encode()),
        "hint": hint_of(key),
        "scopes": list(new.scopes),
        "queues": None if new.queues is None else list(new.queues),
        "expires_in": new.expires_in,
        "owner_id": owner_id,
        "created_by": by.actor,
    }
    async with conn.transaction():
        if owner_id is not None and not await first_value(conn, sql("lock_owner"), {"id": owner_id}):
            raise UnknownOwner
        await conn.execute(sql("lock_keys"))
        if await first_value(conn, sql("count_keys")) >= MAX_KEYS:
            raise TooManyKeys
        row = await maybe_row(conn, sql("create_key"), params)
        if row is None:
            raise NameTaken
        record = _record(*row)
        details: dict[str, Any] = {"name": new.name, "scopes": record.scopes}
        if record.queues is not None:
            details["queues"] = record.queues
        if record.expires_at is not None:
            details["expires_at"] = record.expires_at.isoformat()
        await audit.record(conn, by.did("key.create", str(record.id), details))
    return record


async def list_all(conn: psycopg.AsyncConnection) -> list[KeyRecord]:
    """Every key, by name."""
    return [_record(*row) for row in await all_rows(conn, sql("list_keys"))]


async def delete(conn: psycopg.AsyncConnection, key_id: int, *, by: Author) -> bool:
    """Deletes a key, adds an audit entry, and notifies every server; False if there is none with this id."""
    async with conn.transaction():
        row = await maybe_row(conn, sql("delete_key"), {"id": key_id})
        if row is not None:
            await audit.record(conn, by.did("key.delete", str(key_id), {"name": row[0]}))
    return row is not None


async def names_of(conn: psycopg.AsyncConnection, owner_id: int) -> list[str]:
    """The names of a user's keys."""
    return [row[0] for row in await all_rows(conn, sql("list_owned_keys"), {"id": owner_id})]


async def find(conn: psycopg.AsyncConnection, digests: Sequence[bytes]) -> dict[bytes, FoundKey]:
    """The valid keys with these digests; unknown and expired ones are left out."""
    rows = await all_rows(conn, sql("find_keys"), {"digests": list(digests)}, prepare=True)
    found: dict[bytes, FoundKey] = {}
    for digest, key_id, name, scopes, queues, seconds_left in rows:
        found[bytes(digest)] = FoundKey(actor_of_key(key_id, name, scopes, queues), seconds_left)
    return found


def actor_of_key(key_id: int, name: str, scopes: Sequence[str], queues: Sequence[str] | None) -> Actor:
    """A valid key as the actor of a request."""
    return Actor(
        kind=ActorKind.KEY,
        id=key_id,
        name=name,
        scopes=frozenset(_scopes(scopes)),
        queues=None if queues is None else frozenset(queues),
    )


async def record_uses(conn: psycopg.AsyncConnection, seconds_ago: Mapping[int, float]) -> None:
    """Records when keys were last used: how many seconds ago, by key id."""
    params = {"ids": list(seconds_ago), "seconds_ago": list(seconds_ago.values())}
    await conn.execute(sql("record_key_uses"), params)


def _scopes(stored: Sequence[str]) -> list[Scope]:
    """Scopes of a later release are ignored."""
    return [Scope(scope) for scope in stored if scope in _KNOWN]


_KNOWN = frozenset(Scope)


def _record(
    key_id: int,
    name: str,
    scopes: list[str],
    queues: list[str] | None,
    hint: str,
    owner: str | None,
    created_by: str,
    created_at: datetime,
    expires_at: datetime | None,
    is_expired: bool,
    last_used_at: datetime | None,
) -> KeyRecord:
    return KeyRecord(
        id=key_id,
        name=name,
        scopes=_scopes(scopes),
        queues=queues,
        hint=hint,
        owner=owner,
        created_by=created_by,
        created_at=created_at,
        expires_at=expires_at,
        is_expired=is_expired,
        last_used_at=last_used_at,
    )

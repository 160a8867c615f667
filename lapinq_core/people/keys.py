"""Named API keys. Only a key's digest is stored, never the key (`lapinq_core.domain.accounts.api_key`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.statements import sql
from lapinq_core.domain.accounts.account import Actor, ActorKind, Scope
from lapinq_core.domain.accounts.api_key import digest_of, hint_of
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

ACCESS_CHANNEL = "lapinq_access"
"""Notifies servers that a key was deleted, or that a user or a session changed."""
MAX_KEYS = 1000

_PACKAGE = "lapinq_core.people"


class NameTaken(LapinqError):
    """A key with this name exists already."""


class TooManyKeys(LapinqError):
    """There are already as many keys as allowed; delete one that is no longer used."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A named key without the key itself. `hint` is its last characters. `last_used_at` lags by a minute at most."""

    id: int
    name: str
    scopes: list[Scope]
    hint: str
    created_by: str
    created_at: datetime
    last_used_at: datetime | None = None


async def create(
    conn: psycopg.AsyncConnection, name: str, key: str, scopes: Sequence[Scope], *, by: Author
) -> KeyRecord:
    """Stores `key` and adds an audit entry. Raises `NameTaken` and `TooManyKeys`."""
    params = {
        "name": name,
        "key_hash": digest_of(key.encode()),
        "hint": hint_of(key),
        "scopes": list(scopes),
        "created_by": by.actor,
    }
    async with conn.transaction():
        await conn.execute(sql(_PACKAGE, "lock_keys"))
        counted = await (await conn.execute(sql(_PACKAGE, "count_keys"))).fetchone()
        if counted is None or counted[0] >= MAX_KEYS:
            raise TooManyKeys
        row = await (await conn.execute(sql(_PACKAGE, "create_key"), params)).fetchone()
        if row is None:
            raise NameTaken
        record = _record(*row)
        details = {"name": name, "scopes": list(scopes)}
        await audit.record(conn, by.did("key.create", str(record.id), details))
    return record


async def list_all(conn: psycopg.AsyncConnection) -> list[KeyRecord]:
    """Every key, by name."""
    return [_record(*row) for row in await (await conn.execute(sql(_PACKAGE, "list_keys"))).fetchall()]


async def delete(conn: psycopg.AsyncConnection, key_id: int, *, by: Author) -> bool:
    """Deletes a key, adds an audit entry, and notifies every server; False if there is none with this id."""
    async with conn.transaction():
        row = await (await conn.execute(sql(_PACKAGE, "delete_key"), {"id": key_id})).fetchone()
        if row is not None:
            await audit.record(conn, by.did("key.delete", str(key_id), {"name": row[0]}))
    return row is not None


async def find(conn: psycopg.AsyncConnection, digests: Sequence[bytes]) -> dict[bytes, Actor]:
    """The actors whose keys have these digests; unknown digests are left out."""
    cursor = await conn.execute(sql(_PACKAGE, "find_keys"), {"digests": list(digests)}, prepare=True)
    return {
        bytes(digest): Actor(
            kind=ActorKind.KEY, id=key_id, name=name, scopes=frozenset(Scope(scope) for scope in scopes)
        )
        for digest, key_id, name, scopes in await cursor.fetchall()
    }


async def record_uses(conn: psycopg.AsyncConnection, seconds_ago: Mapping[int, float]) -> None:
    """Records when keys were last used: how many seconds ago, by key id."""
    params = {"ids": list(seconds_ago), "seconds_ago": list(seconds_ago.values())}
    await conn.execute(sql(_PACKAGE, "record_key_uses"), params)


def _record(
    key_id: int,
    name: str,
    scopes: list[str],
    hint: str,
    created_by: str,
    created_at: datetime,
    last_used_at: datetime | None,
) -> KeyRecord:
    return KeyRecord(
        id=key_id,
        name=name,
        scopes=[Scope(scope) for scope in scopes],
        hint=hint,
        created_by=created_by,
        created_at=created_at,
        last_used_at=last_used_at,
    )

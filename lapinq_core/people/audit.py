"""The audit log: every change made by a person or a key."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg import sql as psql

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.people.audit_filters import AuditFilter, conditions

sql = sql_of(__name__)

PRUNE_LIMIT = 500


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a change, and from where."""

    actor_kind: ActorKind
    actor: str
    actor_id: int | None = None
    address: str | None = None
    request_id: str | None = None

    def did(self, action: str, target: str | None = None, details: dict[str, Any] | None = None) -> "Entry":
        """The entry for this author's change: `action` is its kind ("task.cancel"), `target` the thing changed."""
        return Entry(**msgspec.structs.asdict(self), action=action, target=target, details=details)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One change: who made it, what they changed, and from where. The database adds the time."""

    actor_kind: ActorKind
    actor: str
    action: str
    target: str | None = None
    actor_id: int | None = None
    details: dict[str, Any] | None = None
    address: str | None = None
    request_id: str | None = None


class RecordedActor(msgspec.Struct, frozen=True):
    """Who made a change; `name` is the name at that time, `id` the user's or the named key's."""

    kind: ActorKind
    id: int | None
    name: str


class Recorded(msgspec.Struct, frozen=True):
    """An entry of the audit log: who changed what, from where and when."""

    id: int
    at: datetime
    actor: RecordedActor
    action: str
    target: str | None
    details: dict[str, Any] | None
    address: str | None
    request_id: str | None


async def record(conn: psycopg.AsyncConnection, entry: Entry) -> int:
    """Adds `entry` and returns its id. Runs in the transaction of the change, so that both commit or neither does."""
    params = {**msgspec.structs.asdict(entry), "details": _json(entry.details)}
    return await first_value(conn, sql("record_audit"), params, prepare=True)


async def amend(conn: psycopg.AsyncConnection, entry_id: int, name: str, more: int) -> None:
    """Adds `more` to the number `name` in the details of an entry, for a change made in several transactions.

    Like `record`, it runs in the transaction of that part of the change.
    """
    params = {"id": entry_id, "name": name, "more": more}
    await conn.execute(sql("amend_audit"), params, prepare=True)


async def count(
    conn: psycopg.AsyncConnection, entry: Entry, entry_id: int | None, name: str, more: int
) -> int | None:
    """Records `entry` with the number `more` under `name`, or adds it to that of the entry `entry_id`, if it is one.

    Returns the entry's id; None while there is nothing to count.
    """
    if not more:
        return entry_id
    if entry_id is None:
        return await record(
            conn, msgspec.structs.replace(entry, details={**(entry.details or {}), name: more})
        )
    await amend(conn, entry_id, name, more)
    return entry_id


async def list_entries(
    conn: psycopg.AsyncConnection, chosen: AuditFilter, limit: int
) -> tuple[list[Recorded], int | None]:
    """The newest matching entries, at most `limit`; and the id to continue from, or None."""
    query = psql.SQL(sql("list_audit")).format(conditions=conditions(chosen))
    params = {**msgspec.structs.asdict(chosen), "limit": limit + 1}
    rows = await all_rows(conn, query, params, prepare=False)
    entries = [
        Recorded(entry_id, at, RecordedActor(ActorKind(kind), actor_id, actor), *rest)
        for entry_id, at, kind, actor_id, actor, *rest in rows[:limit]
    ]
    return entries, entries[-1].id if len(rows) > limit else None


async def prune(conn: psycopg.AsyncConnection, keep: int, limit: int = PRUNE_LIMIT) -> int:
    """Deletes the oldest entries, at most `limit`, that are at least `keep` seconds old; returns how many."""
    params = {"keep": keep, "limit": limit}
    return await first_value(conn, sql("prune_audit"), params, prepare=True)


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()

"""The audit log: every change made by a person or a key."""

from typing import Any

import msgspec
import psycopg

from lapinq_core.db.statements import sql
from lapinq_core.domain.account import ActorKind

_PACKAGE = "lapinq_core.store"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One change: who made it, what was done on what, and from where. When is the database's to say."""

    actor_kind: ActorKind
    actor: str
    action: str
    target: str | None = None
    actor_id: int | None = None
    details: dict[str, Any] | None = None
    address: str | None = None
    request_id: str | None = None


async def record(conn: psycopg.AsyncConnection, entry: Entry) -> None:
    """Adds `entry`; in the transaction of the change itself, so that neither is there without the other."""
    params = {**msgspec.structs.asdict(entry), "details": _json(entry.details)}
    await conn.execute(sql(_PACKAGE, "record_audit"), params, prepare=True)


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()

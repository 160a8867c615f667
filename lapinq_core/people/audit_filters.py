"""Filters of the audit log, composed as a query. The only place that composes its SQL."""

from datetime import datetime
from typing import LiteralString

import msgspec
from psycopg import sql


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of a list; all of them match exactly. `until` is exclusive; `before` is the id to continue from."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def conditions(chosen: AuditFilter) -> sql.Composed:
    """The conditions for an entry to match; their parameters are the fields of `chosen`."""
    asked = [sql.SQL(text) for field, text in _CONDITIONS.items() if getattr(chosen, field) is not None]
    return sql.SQL("\n   AND ").join(asked or [sql.SQL("true")])


_CONDITIONS: dict[str, LiteralString] = {
    "actor": "actor = %(actor)s::text",
    "action": "action = %(action)s::text",
    "target": "target = %(target)s::text",
    "since": "at >= %(since)s::timestamptz",
    "until": "at < %(until)s::timestamptz",
    "before": "id < %(before)s::bigint",
}

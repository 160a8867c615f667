"""Rules: who is notified of what. Each change has an audit entry in its transaction."""

from datetime import datetime

import msgspec
import psycopg
from psycopg import errors as pg

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.alerts.news import Trial
from lapinq_core.domain.alerts.rule import Rule, shown_url
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)

MAX_RULES = 100


class RuleRefused(LapinqError):
    """The rule cannot be stored: its name is taken, or there are too many rules."""


class StoredRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is stored, with what became of its messages.

    `version` changes with each change. `pending` notices, counted up to a thousand, wait for the next message.
    `tried_at` is when the latest message was tried, `failure` why it was not accepted.
    """

    id: int
    name: str
    kind: str
    url: str | None
    addresses: list[str] | None
    events: list[str]
    queues: list[str] | None
    backlog_seconds: float
    is_enabled: bool
    version: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    pending: int
    tried_at: datetime | None
    failure: str | None

    @property
    def rule(self) -> Rule:
        """What was asked for."""
        return Rule(**{name: getattr(self, name) for name in Rule.__struct_fields__})


async def list_rules(conn: psycopg.AsyncConnection) -> list[StoredRule]:
    """All rules, by name."""
    return await _rules(conn, None)


async def get_rule(conn: psycopg.AsyncConnection, rule_id: int) -> StoredRule | None:
    """The rule; None for an unknown id."""
    return next(iter(await _rules(conn, rule_id)), None)


async def create_rule(conn: psycopg.AsyncConnection, rule: Rule, *, by: Author) -> StoredRule:
    """Stores a checked rule. Raises `RuleRefused`."""
    async with conn.transaction():
        params = {**msgspec.structs.asdict(rule), "created_by": by.actor, "most": MAX_RULES}
        row = await maybe_row(conn, sql("create_rule"), params)
        if row is None:
            raise RuleRefused(f"a rule with this name exists already, or there are {MAX_RULES} rules")
        await audit.record(conn, by.did("notify.create", str(row[0]), _details(rule)))
        stored = await get_rule(conn, row[0])
    assert stored is not None
    return stored


async def change_rule(
    conn: psycopg.AsyncConnection, rule_id: int, rule: Rule, *, version: int, by: Author
) -> StoredRule | None:
    """Replaces the rule by a checked one; None if it is gone or no longer has `version`. Raises `RuleRefused`.

    Pending notices are dropped if the rule is disabled or sends elsewhere now.
    """
    try:
        async with conn.transaction():
            params = {**msgspec.structs.asdict(rule), "id": rule_id, "version": version}
            row = await maybe_row(conn, sql("change_rule"), params)
            if row is None:
                return None
            details = {**_details(rule), "sends_elsewhere": row[0]}
            await audit.record(conn, by.did("notify.change", str(rule_id), details))
            return await get_rule(conn, rule_id)
    except pg.UniqueViolation as error:
        raise RuleRefused("a rule with this name exists already") from error


async def delete_rule(conn: psycopg.AsyncConnection, rule_id: int, *, by: Author) -> bool:
    """Deletes the rule with its notices; False for an unknown id."""
    async with conn.transaction():
        row = await maybe_row(conn, sql("delete_rule"), {"id": rule_id})
        if row is not None:
            await audit.record(conn, by.did("notify.delete", str(rule_id), {"name": row[0]}))
    return row is not None


async def send_trial(conn: psycopg.AsyncConnection, rule_id: int, *, by: Author) -> bool:
    """Stores a notice that is sent as any other, now; False for an unknown id."""
    details = msgspec.json.encode(Trial(sent_by=by.actor)).decode()
    async with conn.transaction():
        params = {"id": rule_id, "details": details}
        row = await maybe_row(conn, sql("store_trial"), params)
        if row is not None:
            await audit.record(conn, by.did("notify.test", str(rule_id), {"name": row[0]}))
    return row is not None


async def _rules(conn: psycopg.AsyncConnection, rule_id: int | None) -> list[StoredRule]:
    rows = await all_rows(conn, sql("list_rules"), {"id": rule_id})
    return [StoredRule(**dict(zip(StoredRule.__struct_fields__, row, strict=True))) for row in rows]


def _details(rule: Rule) -> dict[str, object]:
    """For the audit log: of the URL, which may hold a secret, only the host."""
    return {
        "name": rule.name,
        "kind": rule.kind,
        **({"addresses": rule.addresses} if rule.url is None else {"url": shown_url(rule.url)}),
        "events": list(rule.events),
        "queues": None if rule.queues is None else list(rule.queues),
        "is_enabled": rule.is_enabled,
    }

"""Notification rules, and the notices stored for them."""

from typing import Any

from lapinq_core.db.rows import all_rows, first_value
from tests.support.rows.factories import Conn


async def add_rule(conn: Conn, **values: Any) -> int:
    """The id of a rule that asks for everything by webhook."""
    defaults: dict[str, Any] = {
        "name": "everything",
        "kind": "webhook",
        "url": "http://127.0.0.1:1/",
        "addresses": None,
        "events": ["error.new", "error.regressed", "backlog", "worker.dead"],
        "queues": None,
        "backlog_seconds": 300.0,
        "is_enabled": True,
    }
    return await first_value(
        conn,
        "INSERT INTO lapinq_notify_rules (name, kind, url, addresses, events, queues, backlog_seconds, is_enabled,"
        " created_at, created_by, updated_at, next_at) VALUES (%(name)s, %(kind)s, %(url)s, %(addresses)s, %(events)s,"
        " %(queues)s, %(backlog_seconds)s, %(is_enabled)s, lapinq_now(), 'lisa', lapinq_now(), lapinq_now())"
        " RETURNING id",
        {**defaults, **values},
    )


async def notices(conn: Conn) -> list[tuple[str, str, dict[str, Any]]]:
    """The name of the rule, the event and the details of each pending notice, in order."""
    return await all_rows(
        conn,
        "SELECT r.name, n.event, n.details FROM lapinq_notices n JOIN lapinq_notify_rules r ON r.id = n.rule_id"
        " WHERE n.state = 'pending' ORDER BY n.id",
    )

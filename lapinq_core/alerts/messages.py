"""The messages of rules: all pending notices of a rule go in one.

A process takes a rule under a lease, and records what became of the message under that lease, as with webhooks: if it
takes too long, another one sends it again, and its own late record changes nothing.
"""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.alerts.message import Notice
from lapinq_core.domain.alerts.rule import Channel
from lapinq_core.domain.webhooks.webhook import GIVE_UP_SECONDS, Undelivered

sql = sql_of(__name__)

MAX_NOTICES = 1000
"""In one message, which tells some of them and counts the rest."""
PAUSE_SECONDS = 60.0
"""Between two messages of a rule."""
PRUNE_LIMIT = 500


class DueMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to send now. `lease` is when another process may take it, `tries` how often it was tried before.

    `ids` are those of its notices, `timestamp` the database's time in seconds since 1970.
    """

    rule_id: int
    rule: str
    channel: Channel
    url: str | None
    addresses: list[str] | None
    lease: datetime
    left_out: int
    timestamp: int
    tries: int
    ids: list[int]
    notices: list[Notice]


class NoticeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A notice in a list, with what became of it."""

    id: int
    rule: str
    event: str
    details: dict[str, Any]
    state: str
    tries: int
    created_at: datetime
    tried_at: datetime | None
    answer: int | None
    failure: str | None


async def take(conn: psycopg.AsyncConnection, *, lease: float) -> DueMessage | None:
    """Takes the message whose turn it is under a lease of `lease` seconds; None if nothing is to be sent."""
    params = {"lease": lease, "limit": MAX_NOTICES}
    row = await maybe_row(conn, sql("take_message"), params, prepare=True)
    if row is None:
        return None
    *plain, notices = row
    values = dict(zip(DueMessage.__struct_fields__, plain, strict=False))
    values["channel"] = Channel(values["channel"])
    return DueMessage(**values, notices=_notices.decode(notices))


async def sent(
    conn: psycopg.AsyncConnection,
    due: DueMessage,
    answer: int | None,
    remark: str | None = None,
    *,
    pause: float = PAUSE_SECONDS,
) -> bool:
    """Records that it was accepted, with an HTTP status if there is one, and by whom it was not; False if the lease was
    lost."""
    params = {
        "id": due.rule_id,
        "lease": due.lease,
        "ids": due.ids,
        "left_out": due.left_out,
        "pause": pause,
        "answer": answer,
        "failure": remark,
    }
    return await first_value(conn, sql("message_sent"), params) > 0


async def failed(
    conn: psycopg.AsyncConnection, due: DueMessage, outcome: Undelivered, wait: float
) -> tuple[int, int]:
    """Records that it was not accepted. Returns how many notices wait for the next try, and how many are given up."""
    params = {
        "id": due.rule_id,
        "lease": due.lease,
        "ids": due.ids,
        "left_out": due.left_out,
        "wait": wait,
        "give_up": GIVE_UP_SECONDS,
        "is_final": outcome.is_final,
        "answer": outcome.answer,
        "failure": outcome.failure,
    }
    return await one_row(conn, sql("message_failed"), params)


async def latest(conn: psycopg.AsyncConnection, limit: int) -> list[NoticeLine]:
    """The latest notices of all rules, newest first."""
    rows = await all_rows(conn, sql("latest_notices"), {"limit": limit})
    return [NoticeLine(**dict(zip(NoticeLine.__struct_fields__, row, strict=True))) for row in rows]


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Deletes notices that ended long ago; returns how many."""
    return await first_value(conn, sql("prune_notices"), {"limit": limit})


_notices = msgspec.json.Decoder(list[Notice])

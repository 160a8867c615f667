"""Webhooks that wait to be delivered, and those that were: the outbox that the ends of tasks write to.

Whoever takes one holds it for a lease, which is the `due_at` it was given; what came of the try is noted under it, so a
late word of somebody who took too long changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.statements import sql
from lapinq_core.domain.webhooks.webhook import GIVE_UP_SECONDS, Event, NotTaken, WebhookState
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

_PACKAGE = "lapinq_core.webhooks"

PRUNE_LIMIT = 500
FIRST_HOST = ""
"""Before every host."""


class DueWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook to be tried now, for the `tries`-th time. `timestamp` is the database's, in seconds since 1970."""

    seq: int
    url: str
    host: str
    tries: int
    lease: datetime
    timestamp: int
    event: Event


class WebhookFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed to; `before` is the number to go on from."""

    state: WebhookState | None = None
    queue: str | None = None
    task_id: str | None = None
    before: int | None = None


async def take(
    conn: psycopg.AsyncConnection,
    limit: int,
    *,
    lease: float,
    places: Mapping[str, int],
    places_each: int,
    after: str = FIRST_HOST,
) -> tuple[list[DueWebhook], str]:
    """Takes up to `limit` that are due, of each host as many as `places` says, else `places_each`.

    They are ours for `lease` seconds. It looks at some hosts after `after`, and answers where to go on, `FIRST_HOST`
    when it came to the end.
    """
    params = {
        "limit": limit,
        "lease": lease,
        "hosts": list(places),
        "places": list(places.values()),
        "places_each": places_each,
        "after": after,
    }
    rows = await (await conn.execute(sql(_PACKAGE, "take_webhooks"), params, prepare=True)).fetchall()
    return [_due(row[:-1]) for row in rows if row[0] is not None], rows[0][-1] or FIRST_HOST


async def delivered(conn: psycopg.AsyncConnection, due: DueWebhook, answer: int) -> bool:
    """Notes that the receiver has it; False when it was not ours any more."""
    params = {"seq": due.seq, "lease": due.lease, "answer": answer}
    row = await (await conn.execute(sql(_PACKAGE, "webhook_delivered"), params, prepare=True)).fetchone()
    return row is not None and row[0] == 1


async def failed(
    conn: psycopg.AsyncConnection, due: DueWebhook, outcome: NotTaken, wait: float
) -> WebhookState | None:
    """Notes that the receiver does not have it, to be tried again in `wait` seconds.

    Answers the state it has, `GIVEN_UP` when there is no next try; None when it was not ours any more.
    """
    params = {
        "seq": due.seq,
        "lease": due.lease,
        "wait": wait,
        "give_up": GIVE_UP_SECONDS,
        "is_final": outcome.is_final,
        "answer": outcome.answer,
        "failure": outcome.failure,
    }
    row = await (await conn.execute(sql(_PACKAGE, "webhook_failed"), params, prepare=True)).fetchone()
    return WebhookState(row[0]) if row else None


async def resend(conn: psycopg.AsyncConnection, event_id: str, *, by: Author) -> str | None:
    """Makes it due now, with the same id; answers it as JSON, None for an unknown id."""
    async with conn.transaction():
        cursor = await conn.execute(sql(_PACKAGE, "resend_webhook"), {"id": event_id}, prepare=True)
        row = await cursor.fetchone()
        if row is None:
            return None
        queue, task_id, shown = row
        await audit.record(conn, by.did("webhook.resend", event_id, {"queue": queue, "task_id": task_id}))
        return shown


async def get(conn: psycopg.AsyncConnection, event_id: str) -> tuple[str, str] | None:
    """The queue of the task, and the webhook as JSON; None for an unknown id."""
    cursor = await conn.execute(sql(_PACKAGE, "get_webhook"), {"id": event_id}, prepare=True)
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else None


async def list_webhooks(
    conn: psycopg.AsyncConnection, chosen: WebhookFilter, limit: int
) -> tuple[list[str], int | None]:
    """The newest that pass as JSON, at most `limit`; and the number to go on from, or None."""
    params = {**msgspec.structs.asdict(chosen), "limit": limit + 1}
    rows = await (await conn.execute(sql(_PACKAGE, "list_webhooks"), params, prepare=False)).fetchall()
    return [text for _, text in rows[:limit]], rows[limit - 1][0] if len(rows) > limit else None


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Forgets those that ended long ago; answers how many."""
    row = await (await conn.execute(sql(_PACKAGE, "prune_webhooks"), {"limit": limit})).fetchone()
    return row[0] if row else 0


def _due(row: tuple[object, ...]) -> DueWebhook:
    seq, url, host, tries, lease, timestamp, *event = row
    return msgspec.convert(
        {
            "seq": seq,
            "url": url,
            "host": host,
            "tries": tries,
            "lease": lease,
            "timestamp": timestamp,
            "event": dict(zip(Event.__struct_fields__, event, strict=True)),
        },
        DueWebhook,
    )

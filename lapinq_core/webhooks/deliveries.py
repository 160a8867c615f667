"""Webhooks and their deliveries: the outbox to which the end of a task writes.

A scheduler takes a webhook under a lease, identified by the `due_at` that it got. It records the outcome under that
lease, so that the late outcome of a scheduler that took too long changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import QueueFilter
from lapinq_core.domain.webhooks.webhook import GIVE_UP_SECONDS, Event, Undelivered, WebhookState
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)

PRUNE_LIMIT = 500
FIRST_HOST = ""
"""Before every host."""


class DueWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook to deliver now, for the `tries`-th time. `timestamp` is the database's, in seconds since 1970."""

    seq: int
    url: str
    host: str
    tries: int
    lease: datetime
    timestamp: int
    event: Event


class WebhookFilter(QueueFilter, frozen=True, kw_only=True):
    """The filters of a list; `first` and `last` bound the id, `before` is the number to continue from."""

    state: WebhookState | None = None
    task_id: str | None = None
    first: str | None = None
    last: str | None = None
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
    """Takes up to `limit` due webhooks under a lease of `lease` seconds.

    Takes at most `places` of each host listed there, and `places_each` of any other. It scans some hosts after `after`
    and returns where to continue: `FIRST_HOST` when it has reached the end.
    """
    params = {
        "limit": limit,
        "lease": lease,
        "hosts": list(places),
        "places": list(places.values()),
        "places_each": places_each,
        "after": after,
    }
    rows = await all_rows(conn, sql("take_webhooks"), params, prepare=True)
    return [_due(row[:-1]) for row in rows if row[0] is not None], rows[0][-1] or FIRST_HOST


async def delivered(conn: psycopg.AsyncConnection, due: DueWebhook, answer: int) -> bool:
    """Records that the receiver accepted it; False if the lease was lost."""
    params = {"seq": due.seq, "lease": due.lease, "answer": answer}
    return await first_value(conn, sql("webhook_delivered"), params, prepare=True) == 1


async def failed(
    conn: psycopg.AsyncConnection, due: DueWebhook, outcome: Undelivered, wait: float
) -> WebhookState | None:
    """Records that the delivery failed, to be retried in `wait` seconds.

    Returns the new state, `GIVEN_UP` if there is no next try; None if the lease was lost.
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
    state = await first_value(conn, sql("webhook_failed"), params, prepare=True)
    return None if state is None else WebhookState(state)


async def resend(conn: psycopg.AsyncConnection, event_id: str, *, by: Author) -> str | None:
    """Makes a webhook due now, with the same id; returns it as JSON, None for an unknown id."""
    async with conn.transaction():
        row = await maybe_row(conn, sql("resend_webhook"), {"id": event_id}, prepare=True)
        if row is None:
            return None
        queue, task_id, shown = row
        await audit.record(conn, by.did("webhook.resend", event_id, {"queue": queue, "task_id": task_id}))
        return shown


async def get(conn: psycopg.AsyncConnection, event_id: str) -> tuple[str, str] | None:
    """The queue of the task, and the webhook as JSON; None for an unknown id."""
    row = await maybe_row(conn, sql("get_webhook"), {"id": event_id}, prepare=True)
    return (row[0], row[1]) if row else None


async def list_webhooks(
    conn: psycopg.AsyncConnection, chosen: WebhookFilter, limit: int
) -> tuple[list[str], int | None]:
    """The newest matching webhooks as JSON, at most `limit`; and the number to continue from, or None."""
    params = {**msgspec.structs.asdict(chosen), "limit": limit + 1}
    rows = await all_rows(conn, sql("list_webhooks"), params, prepare=False)
    return [text for _, text in rows[:limit]], rows[limit - 1][0] if len(rows) > limit else None


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Deletes webhooks that ended long ago; returns how many."""
    return await first_value(conn, sql("prune_webhooks"), {"limit": limit})


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

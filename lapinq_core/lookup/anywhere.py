"""Finds everything that a text may mean: tasks by their ids, and everything else by its name."""

from enum import StrEnum

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import Readable, as_list

sql = sql_of(__name__)


class Kind(StrEnum):
    """What was found."""

    TASK = "task"
    QUEUE = "queue"
    FUNCTION = "function"
    SCHEDULE = "schedule"
    WORKER = "worker"
    ERROR = "error"


class Hit(msgspec.Struct, frozen=True):
    """`key` identifies it among its kind, `label` names it, `detail` says more: a queue, a module, a host."""

    kind: Kind
    key: str
    label: str
    detail: str | None


async def find_anywhere(
    conn: psycopg.AsyncConnection,
    text: str,
    ids: tuple[str, str] | None,
    limit: int,
    readable: Readable = None,
) -> list[Hit]:
    """At most `limit` hits of each kind. `ids` are the lowest and highest id that the text may mean.

    With `readable` only of these queues, and no workers.
    """
    first, last = ids or (None, None)
    params = {"text": text, "first": first, "last": last, "limit": limit, "queues": as_list(readable)}
    rows = await all_rows(conn, sql("find_anywhere"), params, prepare=True)
    return [Hit(Kind(kind), key, label, detail) for kind, key, label, detail in rows]

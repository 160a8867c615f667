"""Finds everything that a text may mean: tasks by their ids, keys by their beginning, everything else by its name."""

from datetime import datetime
from enum import StrEnum

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.lookup.keys import KeyHit, find_keys
from lapinq_core.tasks import inspect

sql = sql_of(__name__)


class Kind(StrEnum):
    """What was found, in the order of hits."""

    TASK = "task"
    QUEUE = "queue"
    KEY = "key"
    FUNCTION = "function"
    SCHEDULE = "schedule"
    WORKER = "worker"
    ERROR = "error"


class Hit(msgspec.Struct, frozen=True):
    """`key` identifies it among its kind, `label` names it, `detail` says more: a queue, a module, a host.

    `state` is the status of a task, else what sets it apart: paused, dead, or the state of a group of errors. `at` is
    when a task was enqueued, when a group of errors failed last.
    """

    kind: Kind
    key: str
    label: str
    detail: str | None
    state: str | None = None
    at: datetime | None = None


async def find_anywhere(
    conn: psycopg.AsyncConnection,
    text: str,
    ids: tuple[str, str] | None,
    limit: int,
    readable: Readable = None,
) -> list[Hit]:
    """At most `limit` hits of each kind; of keys, those that begin with `text`. `ids` are the lowest and highest id
    that the text may mean.

    With `readable` only of these queues, and no workers.
    """
    first, last = ids or (None, None)
    params = {"text": text, "first": first, "last": last, "limit": limit, "queues": as_list(readable)}
    rows = await all_rows(conn, sql("find_anywhere"), params, prepare=True)
    tasks = [key for kind, key, *_ in rows if kind == Kind.TASK]
    status = {task.id: task.status for task in await inspect.task_lines(conn, tasks)}
    hits = [
        Hit(Kind(kind), key, label, detail, status.get(key, state), at)
        for kind, key, label, detail, state, at in rows
    ]
    hits += [_of_key(hit) for hit in await find_keys(conn, text, limit, readable)]
    return sorted(hits, key=lambda hit: list(Kind).index(hit.kind))


def _of_key(hit: KeyHit) -> Hit:
    queue, *others = hit.queues
    return Hit(Kind.KEY, hit.key, hit.key, f"{queue} +{len(others)}" if others else queue)

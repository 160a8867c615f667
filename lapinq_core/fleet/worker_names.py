"""Finds a worker by its id or name."""

from uuid import UUID

import msgspec
import psycopg

from lapinq_core.db.rows import maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import Readable, as_list

sql = sql_of(__name__)


class WorkerName(msgspec.Struct, frozen=True):
    """A boot of a worker. `name` is None if it has been deleted, or may not be told."""

    id: str
    name: str | None


async def find(conn: psycopg.AsyncConnection, text: str, readable: Readable = None) -> WorkerName | None:
    """The worker with this id, known or not, or the latest boot with this name; None if there is none.

    With `readable` only workers that serve any of these queues are known.
    """
    try:
        worker_id = str(UUID(text))
    except ValueError:
        worker_id = None
    params = {"id": worker_id, "name": text, "queues": as_list(readable)}
    row = await maybe_row(conn, sql("find_worker"), params, prepare=True)
    if row is not None:
        return WorkerName(*row)
    return None if worker_id is None else WorkerName(worker_id, None)

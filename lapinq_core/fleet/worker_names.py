"""Finding a worker by what a person calls it."""

from uuid import UUID

import msgspec
import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.fleet"


class WorkerName(msgspec.Struct, frozen=True):
    """A boot of a worker. `name` is None when it is forgotten by now."""

    id: str
    name: str | None


async def find(conn: psycopg.AsyncConnection, text: str) -> WorkerName | None:
    """The worker with that id, known or not, or the latest boot with that name; None where none has it."""
    try:
        worker_id = str(UUID(text))
    except ValueError:
        worker_id = None
    params = {"id": worker_id, "name": text}
    row = await (await conn.execute(sql(_PACKAGE, "find_worker"), params, prepare=True)).fetchone()
    if row is not None:
        return WorkerName(*row)
    return None if worker_id is None else WorkerName(worker_id, None)

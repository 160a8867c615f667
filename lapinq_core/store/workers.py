"""The fleet: a row for each boot of a worker, kept alive by its beats."""

import os
import socket

import msgspec
import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.store"
_to_stop = msgspec.json.Decoder(list[tuple[str, str]])


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of itself when it begins. `queues` None means all of them."""

    id: str
    name: str
    version: str
    queues: list[str] | None
    pool: str
    concurrency: int
    lease_seconds: float


async def register(conn: psycopg.AsyncConnection, record: WorkerRecord) -> None:
    """Makes the worker known; its first beat is now."""
    values = msgspec.structs.asdict(record)
    await conn.execute(
        sql(_PACKAGE, "register_worker"), {**values, "hostname": socket.gethostname(), "pid": os.getpid()}
    )


async def deregister(conn: psycopg.AsyncConnection, worker_id: str) -> None:
    """Forgets the worker. What it should still hold is given to others by the next rescue."""
    await conn.execute(sql(_PACKAGE, "deregister_worker"), {"id": worker_id})


async def beat(conn: psycopg.AsyncConnection, worker_id: str) -> list[tuple[str, str]] | None:
    """A sign of life. Answers the tasks that the worker is to stop, each as its id and the token of its claim.

    None when the worker was declared dead or is unknown, which is for ever.
    """
    cursor = await conn.execute(sql(_PACKAGE, "beat"), {"id": worker_id}, prepare=True)
    row = await cursor.fetchone()
    return None if row is None else _to_stop.decode(row[0])


async def declare_dead(conn: psycopg.AsyncConnection) -> list[tuple[str, str]]:
    """Declares workers dead whose lease ran out; answers their ids and names."""
    return await (await conn.execute(sql(_PACKAGE, "declare_dead"), prepare=True)).fetchall()


async def prune(conn: psycopg.AsyncConnection) -> int:
    """Forgets workers long dead; answers how many."""
    row = await (await conn.execute(sql(_PACKAGE, "prune_workers"))).fetchone()
    return row[0] if row else 0

"""The fleet: a row for each boot of a worker, kept alive by its heartbeats. What operators see is in `operators`."""

import os
import socket
from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.functions.registered import Registered

sql = sql_of(__name__)


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker reports about itself when it registers. `queues` None means all queues. `timeout_seconds` is the
    time limit of tasks that set none.
    """

    id: str
    name: str
    version: str
    queues: list[str] | None
    pool: str
    concurrency: int
    lease_seconds: float
    release: str | None = None
    timeout_seconds: float | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker reports with each heartbeat: resident memory of it and its child processes, running attempts, and
    how many ended per second. A quiet worker claims nothing new. `blocked_seconds` is how long its event loop has been
    blocked, None if it is not.
    """

    memory_bytes: int | None = None
    running: int | None = None
    rate: float | None = None
    is_quiet: bool = False
    blocked_seconds: float | None = None


class Jump(msgspec.Struct, frozen=True):
    """The database's clock jumped forward. Claims up to `at`, in seconds since 1970 by the clock before the jump, are
    overdue `seconds` later than their deadline says."""

    at: float
    seconds: float


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A worker's place among its `peers`, the workers that serve the same queues and had room for a task lately: how
    many of them come before it. It counts as its own peer. `living` counts all workers. The process on duty counts
    them (`count_places`), or else the heartbeat."""

    rank: int
    peers: int
    living: int


ALONE = Place(0, 1, 1)
"""The place of a worker before its first heartbeat, and of the only one."""


class HeartbeatReply(msgspec.Struct, frozen=True, array_like=True):
    """The answer to a heartbeat: the tasks to cancel, each by its id and claim token, and a request to the worker
    itself, its place in the fleet, and the task names that have a circuit breaker.

    `asked_to` is a `WorkerRequest`, or one that only a later release knows. `now` is the database's time, in seconds
    since 1970.
    """

    to_stop: list[tuple[str, str]]
    asked_to: str | None
    asked_by: str | None
    now: float
    place: Place
    watched: frozenset[str]


async def register(conn: psycopg.AsyncConnection, record: WorkerRecord) -> frozenset[str]:
    """Registers the worker, which counts as its first heartbeat; returns the task names that have a circuit breaker."""
    values = {**msgspec.structs.asdict(record), "hostname": socket.gethostname(), "pid": os.getpid()}
    return frozenset(await first_value(conn, sql("register_worker"), values))


async def record_registered(
    conn: psycopg.AsyncConnection, worker_id: str, tasks: Sequence[Registered]
) -> None:
    """Records the tasks that the worker has found in its modules, instead of earlier ones."""
    params = {"id": worker_id, "tasks": msgspec.json.encode(tasks).decode()}
    await conn.execute(sql("record_registered"), params)


async def has_module(conn: psycopg.AsyncConnection, module_path: str) -> str | None:
    """The name of a living worker that has found tasks in the module; None if there is none."""
    row = await maybe_row(conn, sql("has_module"), {"module_path": module_path})
    return None if row is None else row[0]


async def deregister(conn: psycopg.AsyncConnection, worker_id: str) -> None:
    """Deletes the worker. If it still has claims, the next rescue returns them."""
    await conn.execute(sql("deregister_worker"), {"id": worker_id})


async def heartbeat(
    conn: psycopg.AsyncConnection, worker_id: str, health: Health, jump: Jump | None = None
) -> HeartbeatReply | None:
    """A heartbeat, with the last `jump` of the clock that the worker noticed, if any.

    Returns the answer for the worker; None if it was declared dead or is unknown, which is final.
    """
    params = {
        "id": worker_id,
        "jumped_at": jump and jump.at,
        "jumped_seconds": jump and jump.seconds,
        **msgspec.structs.asdict(health),
    }
    reply = await first_value(conn, sql("heartbeat"), params, prepare=True)
    return None if reply is None else _reply.decode(reply)


async def count_places(conn: psycopg.AsyncConnection) -> None:
    """Counts the place of each worker, for its heartbeats in the next 30 seconds."""
    await conn.execute(sql("count_places"), prepare=True)


async def declare_dead(conn: psycopg.AsyncConnection, expected: float) -> list[tuple[str, str]]:
    """Declares workers dead whose lease ran out; returns their ids and names.

    `expected` is what the caller expects the database's clock to show, in seconds since 1970: when the clock has just
    jumped, no worker is late.
    """
    params = {"expected": expected}
    return await all_rows(conn, sql("declare_dead"), params, prepare=True)


async def prune(conn: psycopg.AsyncConnection) -> int:
    """Deletes workers that died long ago; returns how many."""
    return await first_value(conn, sql("prune_workers"))


_reply = msgspec.json.Decoder(HeartbeatReply)

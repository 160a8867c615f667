"""What an operator sees of workers, and may ask of them. What workers say of themselves is `workers`."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.statements import sql
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.worker import WorkerRequest, WorkerState
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

MOST_WORKERS = 500
MOST_TASKS = 20

_PACKAGE = "lapinq_core.fleet"


class UnknownWorker(LapinqError):
    """There is no worker with this id."""


class DeadWorker(LapinqError):
    """The worker was declared dead, which is for ever."""


class StoppingWorker(LapinqError):
    """The worker was asked to stop, which can't be taken back."""


class HeldTask(msgspec.Struct, frozen=True):
    """A task that a worker holds: it runs, or was claimed ahead and is about to. `seconds` is how long it was held."""

    id: str
    task_name: str | None
    queue_name: str
    started_at: datetime
    seconds: float
    progress: int | None


class WorkerDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One boot of a worker. `queues` is null for all of them, `beat_age` in seconds.

    `memory_bytes` (resident, of its process and its child processes), `running` and `rate` (attempts ended a second)
    are of its last beat; null where it can't tell, or doesn't, being of the release before. `asked_by` and `asked_at`
    tell of the last time that somebody asked it for something, or let it go on. `tasks` are those it has held for
    longest, at most 20 of `task_count`; fire and forget is not among them.
    """

    id: str
    name: str
    hostname: str
    pid: int
    version: str
    queues: list[str] | None
    pool: str
    concurrency: int
    started_at: datetime
    beat_at: datetime
    beat_age: float
    state: WorkerState
    memory_bytes: int | None
    running: int | None
    rate: float | None
    asked_to: WorkerRequest | None
    asked_by: str | None
    asked_at: datetime | None
    task_count: int
    tasks: list[HeldTask]


class Fleet(msgspec.Struct, frozen=True):
    """Workers, the living first, then by name; and how many more there are."""

    workers: list[WorkerDetails]
    more: int


async def list_workers(conn: psycopg.AsyncConnection) -> Fleet:
    """Every worker there is, those that died lately too; at most `MOST_WORKERS`, the rest is counted."""
    rows = await _list(conn, id=None, limit=MOST_WORKERS)
    return Fleet([_details.decode(text) for _, text in rows], rows[0][0] - len(rows) if rows else 0)


async def get_worker(conn: psycopg.AsyncConnection, worker_id: str) -> WorkerDetails | None:
    """The worker; None where there is none with this id, for it has signed off, say."""
    rows = await _list(conn, id=worker_id, limit=1)
    return _details.decode(rows[0][1]) if rows else None


async def ask(
    conn: psycopg.AsyncConnection, worker_id: str, request: WorkerRequest | None, *, by: Author
) -> WorkerDetails:
    """Asks the worker to do `request`, or with None to go on; it hears of it with its next beat.

    Who is asked for the same again keeps the first to have asked, and nothing is noted. Raises `UnknownWorker`,
    `DeadWorker` and `StoppingWorker`.
    """
    params = {"id": worker_id, "asked_to": request, "asked_by": by.actor}
    async with conn.transaction():
        row = await (await conn.execute(sql(_PACKAGE, "ask_worker"), params)).fetchone()
        if row is not None:
            await audit.record(conn, by.did(f"worker.{request or 'resume'}", worker_id, {"name": row[0]}))
    found = await get_worker(conn, worker_id)
    if found is None:
        raise UnknownWorker
    if row is None and found.state is WorkerState.DEAD:
        raise DeadWorker
    if found.asked_to is WorkerRequest.STOP and request is not WorkerRequest.STOP:
        raise StoppingWorker
    return found


async def _list(conn: psycopg.AsyncConnection, **params: Any) -> list[tuple[int, str]]:
    cursor = await conn.execute(sql(_PACKAGE, "list_workers"), {**params, "most_tasks": MOST_TASKS})
    return await cursor.fetchall()


_details = msgspec.json.Decoder(WorkerDetails)

"""What operators see of workers, and what they request of them. The workers' own calls are in `workers`."""

from datetime import datetime
from typing import NamedTuple

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.annotations.task_parameter import Given, TaskParameter
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.domain.worker import WorkerRequest, WorkerState
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

MAX_WORKERS = 500
MAX_TASKS = 20

sql = sql_of(__name__)


class UnknownWorker(LapinqError):
    """There is no worker with this id."""


class DeadWorker(LapinqError):
    """The worker was declared dead and cannot come back."""


class StoppingWorker(LapinqError):
    """The worker is already stopping, which cannot be undone."""


class HeldTask(msgspec.Struct, frozen=True):
    """A task that a worker has claimed: it runs, or is about to. `seconds` is the time since the claim."""

    id: str
    task_name: str | None
    queue_name: str
    started_at: datetime
    seconds: float
    progress: int | None


class WorkerDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One boot of a worker. `queues` is null for all queues; `beat_age` is in seconds. `release` is that of its code.
    `timeout_seconds` is the time limit of tasks that set none; null for a worker of the previous release.

    `memory_bytes` (resident, of its process and its child processes), `running` and `rate` (attempts ended per second)
    come from its last heartbeat; null if it can't tell, or is of the previous release. `blocked_seconds` is how long
    its event loop had been blocked by then, null if it was not. `asked_by` and `asked_at` are of the last request, or
    of the last resume. `tasks` are its oldest claims, at most 20 of `task_count`, without fire-and-forget tasks.
    """

    id: str
    name: str
    hostname: str
    pid: int
    version: str
    release: str | None
    queues: list[str] | None
    pool: str
    concurrency: int
    timeout_seconds: float | None
    started_at: datetime
    beat_at: datetime
    beat_age: float
    state: WorkerState
    memory_bytes: int | None
    running: int | None
    rate: float | None
    blocked_seconds: float | None
    asked_to: WorkerRequest | None
    asked_by: str | None
    asked_at: datetime | None
    task_count: int
    tasks: list[HeldTask]


class RegisteredTask(Registered, frozen=True, kw_only=True):
    """A task that living workers have found in their modules. `workers` are their names."""

    workers: list[str]


class Function(NamedTuple):
    """What workers say of a function: the parameters that may be given by position, in order, and the `retry_delays` of
    `Registered`. Without a worker nothing is known."""

    positional: list[str]
    retry_delays: list[float] | None


class Fleet(msgspec.Struct, frozen=True):
    """Workers, live ones first, then by name; and how many are left out."""

    workers: list[WorkerDetails]
    more: int


async def list_workers(
    conn: psycopg.AsyncConnection, max_tasks: int = MAX_TASKS, queues: Readable = None
) -> Fleet:
    """All workers, or those that serve one of `queues`, including those that died recently; at most `MAX_WORKERS`, and
    the number of the others.

    With `max_tasks` 0 their tasks are neither listed nor counted.
    """
    rows = await _list(conn, queues=as_list(queues), limit=MAX_WORKERS, max_tasks=max_tasks)
    return Fleet([_details.decode(text) for _, text in rows], rows[0][0] - len(rows) if rows else 0)


async def get_worker(conn: psycopg.AsyncConnection, worker_id: str) -> WorkerDetails | None:
    """The worker; None if there is none with this id, for example because it deregistered."""
    rows = await _list(conn, worker_id=worker_id, limit=1, max_tasks=MAX_TASKS)
    return _details.decode(rows[0][1]) if rows else None


async def list_registered(conn: psycopg.AsyncConnection, readable: Readable = None) -> list[RegisteredTask]:
    """By module and name. With `readable` those whose declared queue is among these.

    Then workers that serve none of them are not named.
    """
    return _within(readable, await first_value(conn, sql("list_registered"), {"queues": as_list(readable)}))


async def find_registered(
    conn: psycopg.AsyncConnection, task_name: str, readable: Readable = None
) -> list[RegisteredTask]:
    """Those of a name, as `list_registered` tells."""
    params = {"task_name": task_name, "queues": as_list(readable)}
    return _within(readable, await first_value(conn, sql("find_registered"), params, prepare=True))


async def find_function(
    conn: psycopg.AsyncConnection, task_name: str, module_path: str, queue_name: str
) -> Function:
    """As a living worker that serves the queue reports it."""
    params = {"task_name": task_name, "module_path": module_path, "queue": queue_name}
    row = await maybe_row(conn, sql("find_parameters"), params, prepare=True)
    if row is None:
        return Function([], None)
    parameters, delays = row
    known = _parameters.decode(parameters)
    return Function(
        [each.name for each in known if each.given in {Given.POSITION, Given.EITHER}],
        None if delays is None else _delays.decode(delays),
    )


async def time_limits(conn: psycopg.AsyncConnection, queue_name: str) -> list[float]:
    """The different time limits in seconds that living workers give tasks of the queue that set none, shortest first.

    Empty if no worker serves the queue.
    """
    params = {"queue": queue_name}
    return [row[0] for row in await all_rows(conn, sql("time_limits"), params, prepare=True)]


async def request(
    conn: psycopg.AsyncConnection, worker_id: str, request: WorkerRequest | None, *, by: Author
) -> WorkerDetails:
    """Requests `request` of the worker, or with None that it resumes. The worker learns of it with its next heartbeat.

    Repeating a request changes nothing: the first to have made it is kept, and no audit entry is added. Raises
    `UnknownWorker`, `DeadWorker` and `StoppingWorker`.
    """
    params = {"id": worker_id, "asked_to": request, "asked_by": by.actor}
    async with conn.transaction():
        row = await maybe_row(conn, sql("request"), params)
        if row is not None:
            await audit.record(conn, by.did(f"worker.{request or 'resume'}", worker_id, {"name": row[0]}))
        found = await get_worker(conn, worker_id)  # before it learns of the request and is gone
    if found is None:
        raise UnknownWorker
    if row is None and found.state is WorkerState.DEAD:
        raise DeadWorker
    if found.asked_to is WorkerRequest.STOP and request is not WorkerRequest.STOP:
        raise StoppingWorker
    return found


def _within(readable: Readable, found: str) -> list[RegisteredTask]:
    tasks = _registered.decode(found)
    return tasks if readable is None else [task for task in tasks if task.queue_name in readable]


async def _list(
    conn: psycopg.AsyncConnection,
    *,
    limit: int,
    max_tasks: int,
    worker_id: str | None = None,
    queues: list[str] | None = None,
) -> list[tuple[int, str]]:
    params = {"id": worker_id, "queues": queues, "limit": limit, "max_tasks": max_tasks}
    return await all_rows(conn, sql("list_workers"), params, prepare=True)


_parameters = msgspec.json.Decoder(list[TaskParameter])
_delays = msgspec.json.Decoder(list[float])
_registered = msgspec.json.Decoder(list[RegisteredTask])
_details = msgspec.json.Decoder(WorkerDetails)

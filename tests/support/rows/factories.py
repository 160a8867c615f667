"""Valid tasks and workers; override only what the test is about."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import msgspec

from lapinq_core.db.pool import PinnedConnection, PooledConnection, configure, conninfo
from lapinq_core.db.rows import first_value
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.fleet import workers
from lapinq_core.fleet.workers import Health, WorkerRecord
from lapinq_core.intake import enqueueing
from lapinq_core.people.audit import Author
from lapinq_core.tasks import claiming, inspect, worker_verbs
from lapinq_core.upkeep import maintenance_jobs


class Conn(PinnedConnection, PooledConnection):
    """Any verb takes it. It has no `PLAN_SETTINGS`: plan tests set them."""

    @classmethod
    async def open(cls, url: str) -> Self:
        """A connection to `url`, set up as the product's are."""
        opened = await cls.connect(conninfo(url, "test"), autocommit=True)
        await configure(opened)
        return opened


class RolledBack(Conn):
    """One in a transaction that never commits. A claim that sends a transaction of its own gets a savepoint instead."""

    async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(query, str):
            query = _SAVEPOINTS.get(query, query)
        return await super().execute(query, *args, **kwargs)

    async def rollback(self) -> None:
        await super().execute("ROLLBACK TO SAVEPOINT one_message")


_SAVEPOINTS: dict[str, str] = {"BEGIN": "SAVEPOINT one_message", "COMMIT": "RELEASE SAVEPOINT one_message"}

Connections = Callable[[int], Awaitable[list[Conn]]]
"""Opens so many."""

SOMEBODY = Author(
    actor_kind=ActorKind.USER, actor="lisa", actor_id=7, address="203.0.113.9", request_id="r-1"
)
"""Who changes something in a test."""


def new_task(**values: Any) -> NewTask:
    """A task that adds one and one."""
    task = NewTask(id=new_id(), task_name="add", module_path="tests.support.sample.tasks", args=[1, 1])
    return msgspec.structs.replace(task, **values)


async def enqueue(conn: Conn, count: int = 1, **values: Any) -> list[str]:
    """The ids of `count` tasks that wait, in ascending order."""
    tasks = [new_task(**values) for _ in range(count)]
    await enqueueing.enqueue(conn, tasks)
    return [task.id for task in tasks]


async def add_worker(conn: Conn, **values: Any) -> str:
    """The id of a worker that is alive."""
    defaults: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "name": "tester",
        "version": "0",
        "queues": None,
        "pool": "processes",
        "concurrency": 4,
        "lease_seconds": 30.0,
    }
    record = WorkerRecord(**{**defaults, **values})
    await workers.register(conn, record)
    return record.id


async def beat(conn: Conn, worker: str, **condition: Any) -> list[tuple[str, str]] | None:
    """The tasks that the worker hears it is to stop, with their tokens; None when it was given up."""
    heard = await workers.heartbeat(conn, worker, Health(**condition))
    return None if heard is None else heard.to_stop


async def claim(
    conn: Conn,
    worker: str,
    limit: int = 1,
    queue: str = "default",
    *,
    mark: tuple[int, int] = claiming.LOWEST_MARK,
    max_rank: int = claiming.HIGHEST_RANK,
    **values: Any,
) -> list[Claim]:
    """What `worker` gets."""
    ask = claiming.Ask(queue, limit, mark, max_rank)
    defaults: dict[str, Any] = {"worker": worker, "token": str(uuid.uuid4()), "lease": 310.0}
    return (await claiming.take(conn, [ask], limit, **{**defaults, **values})).claims


async def complete(conn: Conn, claims: Sequence[Claim], result: str = "null") -> int:
    """Completes them all; returns how many were still held."""
    claims = sorted(claims, key=lambda held: held.id)
    return await worker_verbs.complete(
        conn,
        [held.id for held in claims],
        [held.token for held in claims],
        [result] * len(claims),
        [0.001] * len(claims),
    )


async def status(conn: Conn, task_id: str) -> str | None:
    """The status of a task; None when there is none."""
    return await first_value(conn, "SELECT status FROM lapinq_task_details WHERE id = %s", (task_id,))


async def make_delayed_ready(conn: Conn) -> None:
    """The one delayed task has come due, and is made ready."""
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() - interval '1 second'")
    assert (await maintenance_jobs.promote(conn)).moved == 1


async def make_late(conn: Conn, worker: str) -> None:
    """Makes the worker's last heartbeat an hour old."""
    await conn.execute(
        "UPDATE lapinq_workers SET beat_at = beat_at - interval '1 hour' WHERE id = %s", (worker,)
    )


async def pause(conn: Conn, queue: str) -> None:
    await conn.execute(
        "INSERT INTO lapinq_queues (name, paused_at) VALUES (%s, lapinq_now())"
        " ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at",
        (queue,),
    )


async def resume(conn: Conn, queue: str) -> None:
    await conn.execute("UPDATE lapinq_queues SET paused_at = NULL WHERE name = %s", (queue,))


async def attempts(conn: Conn, task_id: str) -> list[dict[str, Any]]:
    """What the history of a task shows, in the order of the ends of its attempts."""
    text = await inspect.get_attempts(conn, task_id)
    assert text is not None
    return msgspec.json.decode(text)


async def counts(conn: Conn, queue: str = "default") -> dict[str, int]:
    """How many tasks of a queue have each status that any has."""
    for line in await inspect.count_queues(conn):
        if line.queue_name == queue:
            fields = msgspec.structs.asdict(line)
            return {status: number for status, number in fields.items() if status != "queue_name" and number}
    return {}

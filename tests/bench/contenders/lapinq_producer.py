"""Hands in tasks by lapinq's own verbs, as a program with a connection to the database does.

`python -m tests.bench.contenders.lapinq_producer VERB FUNCTION NUMBER…`, with the database in DATABASE_URL. Prints what
it did as JSON. The verbs that end with `-http` go through HTTP, and their first number is a port.
"""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import uvloop

from lapinq_core.db.notifier import Notifier, notify
from lapinq_core.db.pool import connect, make_pool
from lapinq_core.domain.ids import new_ids
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.domain.tasks.unique import Unique
from lapinq_core.intake import enqueueing
from lapinq_core.intake.announced import take_in_announced
from lapinq_core.intake.idempotency import Asked, store
from tests.bench.contenders import pacing

MODULE = "tests.bench.contenders.lapinq_tasks"
MANY_QUEUES = 10_000
TENANT_SECONDS = 0.1
"""Between two tasks of a small tenant."""

_BULKS: dict[str, Callable[[int], dict[str, Any]]] = {
    "bulk": lambda _: {},
    "bulk-once": lambda _: {"max_retries": 0},
    "bulk-retried": lambda number: {"args": [number], "max_retries": 1, "retry_delay": 0.0},
    "bulk-large": lambda _: {"args": ["x" * 10_000]},
    "bulk-keyed": lambda number: {"key": f"key {number % 10_000}"},
    "bulk-unique": lambda number: {"unique": Unique(f"unique {number}")},
    "bulk-spread": lambda number: {"queue_name": f"queue {number % 100}"},
    "bulk-ten-queues": lambda number: {"queue_name": f"queue {number % 10}"},
    "bulk-many-queues": lambda number: {"queue_name": f"queue {number % MANY_QUEUES}"},
}
"""What is special about the task of a number."""


async def hand_in(url: str, verb: str, function: str, first: float, second: float = 0) -> pacing.Made:
    """Does one verb."""
    if verb.endswith("-http"):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{first:.0f}") as http:
            return await _one_by_one(verb, int(second), _over_http(http, verb, function))
    if verb in {"single", "rate"}:
        return await _notified(url, verb, function, first, second)
    async with await connect(url, "bench") as conn:
        if verb in _BULKS:
            return await pacing.in_batches(int(first), int(second), _in_bulk(conn, verb, function))
        if verb == "tenants":
            put = _over_connection(conn, verb, function, tenants=int(first))
            return await pacing.regularly(second, TENANT_SECONDS / first, put)
        return await _one_by_one(verb, int(first), _over_connection(conn, verb, function))


async def store_delayed(url: str, due_ns: list[int]) -> None:
    """Stores tasks that are due at these times, and notifies nobody."""
    async with await connect(url, "bench") as conn:
        made = [_task("arrive", args=[one], scheduled_at=_time_after(one)) for one in due_ns]
        await enqueueing.enqueue(conn, made)


def _task(function: str, **more: Any) -> NewTask:
    return NewTask(id=new_ids(1)[0], task_name=function, module_path=MODULE, **more)


def _time_after(at_ns: int) -> datetime:
    """The microsecond after it: the database knows no finer."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_ns // 1000 + 1)


def _in_bulk(conn: psycopg.AsyncConnection, verb: str, function: str) -> pacing.Put:
    numbers = itertools.count()

    async def put(count: int) -> None:
        made = [
            NewTask(id=one, task_name=function, module_path=MODULE, **_BULKS[verb](next(numbers)))
            for one in new_ids(count)
        ]
        if verb == "bulk-unique":
            _, taken = await store(conn, [Asked(made)])
            await notify(conn, taken.queues)
        else:
            await notify(conn, await enqueueing.enqueue(conn, made))

    return put


async def _notified(url: str, verb: str, function: str, seconds: float, number: float) -> pacing.Made:
    """Single tasks by one notifier: over `number` connections as fast as they can, or `number` a second over one."""
    async with _notifying(url) as notifier:
        conns = [await connect(url, "bench") for _ in range(int(number) if verb == "single" else 1)]

        async def put(conn: psycopg.AsyncConnection, *sent_ns: int) -> None:
            notifier.wake(await enqueueing.enqueue(conn, [_task(function, args=[*sent_ns])]))

        if verb == "single":
            made = await pacing.in_flight(seconds, [lambda conn=conn: put(conn) for conn in conns])
        else:
            made = await pacing.regularly(seconds, 1 / number, lambda sent_ns: put(conns[0], sent_ns))
            await notifier.flush()
        for conn in conns:
            await conn.close()
        return made


@asynccontextmanager
async def _notifying(url: str) -> AsyncGenerator[Notifier]:
    async with make_pool(url, "bench notify", 1, timeout=5) as pool:
        notifier = Notifier(pool)
        running = asyncio.create_task(notifier.run())
        yield notifier
        running.cancel()
        await asyncio.wait([running])


async def _one_by_one(verb: str, count: int, put: pacing.Put) -> pacing.Made:
    """Tasks that arrive or are due at a time each, as their argument."""
    return await (pacing.for_later if verb.startswith("delayed") else pacing.now_and_then)(count, put)


def _over_http(http: httpx.AsyncClient, verb: str, function: str) -> pacing.Put:
    async def put(at_ns: int) -> None:
        body = {"task_name": function, "module_path": MODULE, "args": [at_ns]}
        if verb.startswith("delayed"):
            body["scheduled_at"] = _time_after(at_ns).isoformat()
        (await http.post("/api/v1/enqueue", json=body)).raise_for_status()

    return put


def _over_connection(
    conn: psycopg.AsyncConnection, verb: str, function: str, *, tenants: int = 0
) -> pacing.Put:
    numbers = itertools.count()

    async def put(at_ns: int) -> None:
        if verb.startswith("delayed"):
            await enqueueing.enqueue(conn, [_task(function, args=[at_ns], scheduled_at=_time_after(at_ns))])
        else:
            key = f"tenant {next(numbers) % tenants}" if tenants else None
            await take_in_announced(conn, [_task(function, args=[at_ns], key=key)])

    return put


if __name__ == "__main__":
    verb, function, *numbers = sys.argv[1:]
    print(json.dumps(uvloop.run(hand_in(os.environ["DATABASE_URL"], verb, function, *map(float, numbers)))))

"""Hands in tasks by lapinq's own verbs, as a program with a connection to the database does.

`python -m tests.bench.contenders.lapinq_producer VERB FUNCTION NUMBER…`, with the database in DATABASE_URL. Prints what
it did as JSON. The verbs that end with `-http` go through HTTP, and their first number is a port.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
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


def new_task(function: str, **more: Any) -> NewTask:
    return NewTask(id=new_ids(1)[0], task_name=function, module_path=MODULE, **more)


def time_after(at_ns: int) -> datetime:
    """The microsecond after it: the database knows no finer."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_ns // 1000 + 1)


async def _bulk(verb: str, url: str, function: str, tasks: float, size: float) -> None:
    numbers = itertools.count()
    async with await connect(url, "bench") as conn:

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

        await pacing.in_batches(int(tasks), int(size), put)


async def _single(url: str, function: str, seconds: float, in_flight: float) -> None:
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(make_pool(url, "bench notify", 1, timeout=5))
        notifier = Notifier(pool)
        notifying = asyncio.create_task(notifier.run())

        async def put(conn: psycopg.AsyncConnection) -> None:
            notifier.wake(await enqueueing.enqueue(conn, [new_task(function)]))

        conns = [await stack.enter_async_context(await connect(url, "bench")) for _ in range(int(in_flight))]
        await pacing.in_flight(seconds, [lambda conn=conn: put(conn) for conn in conns])
        notifying.cancel()
        with suppress(asyncio.CancelledError):
            await notifying


async def _one_by_one(verb: str, url: str, function: str, first: float, second: float = 0) -> None:
    """Tasks that arrive or are due at a time each, as their argument; those of tenants have a key."""
    async with AsyncExitStack() as stack:
        is_delayed = verb.startswith("delayed")
        if verb.endswith("-http"):
            http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{first:.0f}")
            put = _over_http(await stack.enter_async_context(http), function, is_delayed=is_delayed)
            first = second
        else:
            conn = await stack.enter_async_context(await connect(url, "bench"))
            put = _over_connection(conn, function, is_delayed=is_delayed, tenants=int(second and first))
        if verb == "tenants":
            await pacing.regularly(second, TENANT_SECONDS / first, put)
        else:
            await (pacing.for_later if is_delayed else pacing.now_and_then)(int(first), put)


def _over_http(
    http: httpx.AsyncClient, function: str, *, is_delayed: bool
) -> Callable[[int], Awaitable[None]]:
    async def put(at_ns: int) -> None:
        body = {"task_name": function, "module_path": MODULE, "args": [at_ns]}
        if is_delayed:
            body["scheduled_at"] = time_after(at_ns).isoformat()
        (await http.post("/api/v1/enqueue", json=body)).raise_for_status()

    return put


def _over_connection(
    conn: psycopg.AsyncConnection, function: str, *, is_delayed: bool, tenants: int
) -> Callable[[int], Awaitable[None]]:
    numbers = itertools.count()

    async def put(at_ns: int) -> None:
        if is_delayed:
            await enqueueing.enqueue(conn, [new_task(function, args=[at_ns], scheduled_at=time_after(at_ns))])
        else:
            key = f"tenant {next(numbers) % tenants}" if tenants else None
            await take_in_announced(conn, [new_task(function, args=[at_ns], key=key)])

    return put


async def _main(verb: str, function: str, *numbers: float) -> None:
    url = os.environ["DATABASE_URL"]
    if verb in _BULKS:
        await _bulk(verb, url, function, *numbers)
    elif verb == "single":
        await _single(url, function, *numbers)
    else:
        await _one_by_one(verb, url, function, *numbers)


if __name__ == "__main__":
    name, called, *rest = sys.argv[1:]
    uvloop.run(_main(name, called, *map(float, rest)))

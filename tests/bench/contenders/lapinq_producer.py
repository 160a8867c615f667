"""Hands in tasks by lapinq's own verbs, as a program with a connection to the database does.

`python -m tests.bench.contenders.lapinq_producer VERB FUNCTION NUMBER…`, with the database in DATABASE_URL. Prints what
it did as JSON. The verbs that end with `-http` go through HTTP, and their first number is a port.
"""

import asyncio
import functools
import itertools
import os
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import uvloop
from msgspec.structs import replace

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


QUEUES = 100
BUSY_QUEUES = 10
MANY_QUEUES = 10_000
KEYS = 10_000
TENANT_SECONDS = 0.1
"""Between two tasks of a small tenant."""


def _new(task_id: str, function: str, **more: Any) -> NewTask:
    return NewTask(id=task_id, task_name=function, module_path=MODULE, **more)


_VARIANTS: dict[str, Callable[[str, str, int], NewTask]] = {
    "bulk": lambda task_id, function, _: _new(task_id, function),
    "bulk-once": lambda task_id, function, _: _new(task_id, function, max_retries=0),
    "bulk-retried": lambda task_id, function, number: _new(
        task_id, function, args=[number], max_retries=1, retry_delay=0.0
    ),
    "bulk-large": lambda task_id, function, _: _new(task_id, function, args=["x" * 10_000]),
    "bulk-keyed": lambda task_id, function, number: _new(task_id, function, key=f"key {number % KEYS}"),
    "bulk-unique": lambda task_id, function, number: _new(
        task_id, function, unique=Unique(f"unique {number}")
    ),
    "bulk-spread": lambda task_id, function, number: _new(
        task_id, function, queue_name=f"queue {number % QUEUES}"
    ),
    "bulk-ten-queues": lambda task_id, function, number: _new(
        task_id, function, queue_name=f"queue {number % BUSY_QUEUES}"
    ),
    "bulk-many-queues": lambda task_id, function, number: _new(
        task_id, function, queue_name=f"queue {number % MANY_QUEUES}"
    ),
}
"""What each verb makes of the id, function and number of a task."""


async def _bulk(url: str, function: str, tasks: float, size: float, *, verb: str) -> None:
    numbers = itertools.count()
    make = _VARIANTS[verb]
    async with await connect(url, "bench") as conn:

        async def put(count: int) -> None:
            made = [make(task_id, function, next(numbers)) for task_id in new_ids(count)]
            if verb == "bulk-unique":
                _, taken = await store(conn, [Asked(made)])
                await notify(conn, taken.queues)
            else:
                await notify(conn, await enqueueing.enqueue(conn, made))

        await pacing.in_batches(int(tasks), int(size), put)


async def _single(url: str, function: str, seconds: float, in_flight: float) -> None:
    async with AsyncExitStack() as stack:
        pool = make_pool(url, "bench notify", 1, timeout=5)
        await stack.enter_async_context(pool)
        notifier = Notifier(pool)
        notifying = asyncio.create_task(notifier.run())

        async def put(conn: psycopg.AsyncConnection) -> None:
            notifier.wake(await enqueueing.enqueue(conn, _tasks(function, 1)))

        conns = [await stack.enter_async_context(await connect(url, "bench")) for _ in range(int(in_flight))]
        await pacing.in_flight(seconds, [lambda conn=conn: put(conn) for conn in conns])
        notifying.cancel()
        with suppress(asyncio.CancelledError):
            await notifying


async def _latency(url: str, function: str, count: float) -> None:
    async with await connect(url, "bench") as conn:

        async def put(sent_ns: int) -> None:
            task = NewTask(id=new_ids(1)[0], task_name=function, module_path=MODULE, args=[sent_ns])
            await take_in_announced(conn, [task])

        await pacing.now_and_then(int(count), put)


async def _tenants(url: str, function: str, tenants: float, seconds: float) -> None:
    numbers = itertools.count()
    async with await connect(url, "bench") as conn:

        async def put(sent_ns: int) -> None:
            key = f"tenant {next(numbers) % int(tenants)}"
            task = NewTask(id=new_ids(1)[0], task_name=function, module_path=MODULE, args=[sent_ns], key=key)
            await take_in_announced(conn, [task])

        await pacing.regularly(seconds, TENANT_SECONDS / tenants, put)


async def _latency_http(_url: str, function: str, port: float, count: float) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port:.0f}") as http:

        async def put(sent_ns: int) -> None:
            body = {"task_name": function, "module_path": MODULE, "args": [sent_ns]}
            (await http.post("/api/v1/enqueue", json=body)).raise_for_status()

        await pacing.now_and_then(int(count), put)


async def _delayed(url: str, function: str, count: float) -> None:
    async with await connect(url, "bench") as conn:

        async def put(due_ns: int) -> None:
            task = NewTask(id=new_ids(1)[0], task_name=function, module_path=MODULE, args=[due_ns])
            await enqueueing.enqueue(conn, [replace(task, scheduled_at=_time(due_ns))])

        await pacing.for_later(int(count), put)


async def _delayed_http(_url: str, function: str, port: float, count: float) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port:.0f}") as http:

        async def put(due_ns: int) -> None:
            body = {"task_name": function, "module_path": MODULE, "args": [due_ns]}
            body["scheduled_at"] = _time(due_ns).isoformat()
            (await http.post("/api/v1/enqueue", json=body)).raise_for_status()

        await pacing.for_later(int(count), put)


def _time(at_ns: int) -> datetime:
    """The microsecond after `at_ns`: the database knows no finer."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_ns // 1000 + 1)


def _tasks(function: str, count: int) -> list[NewTask]:
    return [NewTask(id=task_id, task_name=function, module_path=MODULE) for task_id in new_ids(count)]


if __name__ == "__main__":
    verbs = {
        **{variant: functools.partial(_bulk, verb=variant) for variant in _VARIANTS},
        "single": _single,
        "latency": _latency,
        "tenants": _tenants,
        "latency-http": _latency_http,
        "delayed": _delayed,
        "delayed-http": _delayed_http,
    }
    verb, name, *numbers = sys.argv[1:]
    uvloop.run(verbs[verb](os.environ["DATABASE_URL"], name, *map(float, numbers)))

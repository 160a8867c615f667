"""Hands in tasks as programs do: with lapinq's client, to the database, over HTTP or in a transaction of their own.

`python -m tests.bench.contenders.lapinq_producer VERB FUNCTION NUMBER…`, with the database's or the server's URL in
LAPINQ_URL. Prints what it did as JSON.
"""

import itertools
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import psycopg
import uvloop

from lapinq import Task
from tests.bench.contenders import lapinq_tasks as tasks
from tests.bench.contenders import pacing
from tests.bench.contenders.pacing import MIX_QUEUES, PAYLOAD

MANY_QUEUES = 10_000
TENANT_SECONDS = 0.1
"""Between two tasks of a small tenant."""

_keyed = tasks.numbered.options(key=lambda number: f"key {number % 10_000}")
_unique = tasks.numbered.options(unique=lambda number: f"unique {number}")

_ENTRIES: dict[str, Callable[[int], dict[str, Any]]] = {
    "nothing": lambda _: tasks.nothing.entry(),
    "nothing_plain": lambda _: tasks.nothing_plain.entry(),
    "nothing_with": lambda _: tasks.nothing_with.entry("x" * 10_000),
    "fail": lambda _: tasks.fail.entry(),
    "fail_once": lambda number: tasks.fail_once.entry(number),
    "numbered": lambda number: tasks.numbered.entry(number),
    "keyed": lambda number: _keyed.entry(number),
    "unique": lambda number: _unique.entry(number),
    "of ten queues": lambda number: _in_queue(tasks.nothing, number % 10).entry(),
    "of a hundred queues": lambda number: _in_queue(tasks.nothing, number % 100).entry(),
    "of many queues": lambda number: _in_queue(tasks.nothing, number % MANY_QUEUES).entry(),
    "mix": lambda number: _in_queue(tasks.mix, number % MIX_QUEUES).entry(number, PAYLOAD),
    "full_mix": lambda number: _in_queue(tasks.full_mix, number % MIX_QUEUES).entry(number, PAYLOAD),
}
"""The task of a number, of those that are drained."""


async def hand_in(url: str, verb: str, function: str, first: float, second: float = 0) -> pacing.Made:
    """Does one verb."""
    tasks.queue.server_url = url
    async with tasks.queue:
        await tasks.queue.batch_enqueue([])  # connects
        if verb == "bulk":
            entry = _ENTRIES[function]
            put = pacing.numbered(lambda numbers: tasks.queue.batch_enqueue([entry(one) for one in numbers]))
            return await pacing.in_batches(int(first), int(second), put)
        task: Task[..., Any, Any] = getattr(tasks, function)
        match verb:
            case "single":
                return await pacing.in_flight(first, [task.aqueue] * int(second))
            case "rate":
                return await pacing.regularly(first, 1 / second, task.aqueue)
            case "tenants":
                tenants = itertools.cycle([task.options(key=f"tenant {one}") for one in range(int(first))])
                gap = TENANT_SECONDS / first
                return await pacing.regularly(second, gap, lambda sent_ns: next(tenants).aqueue(sent_ns))
            case "delayed":
                return await pacing.for_later(int(first), lambda due_ns: _at(task, due_ns).aqueue(due_ns))
            case "in-transaction":
                return await _in_transactions(url, task, int(first))
            case _:
                return await pacing.now_and_then(int(first), task.aqueue)


async def hand_in_delayed(url: str, due_ns: list[int]) -> None:
    """Tasks that are due at these times, all at once."""
    tasks.queue.server_url = url
    async with tasks.queue:
        await tasks.queue.batch_enqueue(_at(tasks.arrive, one).entry(one) for one in due_ns)


@cache
def _in_queue(task: Task[..., Any, Any], number: int) -> Task[..., Any, Any]:
    return task.options(queue_name=f"queue {number}")


def _at(task: Task[..., Any, Any], due_ns: int) -> Task[..., Any, Any]:
    """Due at the microsecond after it: the database knows no finer."""
    due = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=due_ns // 1000 + 1)
    return task.options(scheduled_at=due)


async def _in_transactions(url: str, task: Task[..., Any, Any], count: int) -> pacing.Made:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        in_transaction = task.using(conn)
        await in_transaction.aqueue(0)  # modules get imported
        await conn.rollback()

        async def put(sent_ns: int) -> None:
            await in_transaction.aqueue(sent_ns)
            await conn.commit()

        return await pacing.now_and_then(count, put)


if __name__ == "__main__":
    verb, function, *numbers = sys.argv[1:]
    print(json.dumps(uvloop.run(hand_in(os.environ["LAPINQ_URL"], verb, function, *map(float, numbers)))))

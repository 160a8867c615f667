"""Hands in tasks by PgQueuer's own `enqueue`, on asyncpg and uvloop.

`python -m tests.bench.contenders.pgqueuer_producer VERB FUNCTION NUMBER…` in PgQueuer's own environment, with the
database in the PG… variables. Prints what it did as JSON.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

import sys
from contextlib import AsyncExitStack

import asyncpg
import uvloop
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from tests.bench.contenders import pacing


async def _bulk(function: str, tasks: float, size: float) -> None:
    async with AsyncExitStack() as stack:
        queries = await _queries(stack)
        await pacing.in_batches(
            int(tasks),
            int(size),
            lambda count: queries.enqueue([function] * count, [None] * count, [0] * count),
        )


async def _single(function: str, seconds: float, in_flight: float) -> None:
    async with AsyncExitStack() as stack:
        every = [await _queries(stack) for _ in range(int(in_flight))]
        await pacing.in_flight(
            seconds, [lambda queries=queries: queries.enqueue(function, None) for queries in every]
        )


async def _latency(function: str, count: float) -> None:
    async with AsyncExitStack() as stack:
        queries = await _queries(stack)
        await pacing.now_and_then(
            int(count), lambda sent_ns: queries.enqueue(function, str(sent_ns).encode())
        )


async def _queries(stack: AsyncExitStack) -> Queries:
    connection = await asyncpg.connect()
    stack.push_async_callback(connection.close)
    return Queries(AsyncpgDriver(connection))


if __name__ == "__main__":
    verbs = {"bulk": _bulk, "single": _single, "latency": _latency}
    verb, name, *numbers = sys.argv[1:]
    uvloop.run(verbs[verb](name, *map(float, numbers)))

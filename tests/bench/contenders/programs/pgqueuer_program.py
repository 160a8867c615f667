"""The producers and the worker of PgQueuer, on asyncpg and uvloop, in its own environment.

`work BATCH`, or VERB FUNCTION NUMBER…; the database is in the PG… variables.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pgqueuer
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from tests.bench.contenders import marks, pacing


@asynccontextmanager
async def worker() -> AsyncGenerator[PgQueuer]:
    """What `pgqueuer.run` is given."""
    connection = await asyncpg.connect()
    queue = PgQueuer(AsyncpgDriver(connection))

    @queue.entrypoint("nothing")
    async def nothing(_job: Job) -> None:  # pyright: ignore[reportUnusedFunction]
        marks.ran()

    @queue.entrypoint("arrive")
    async def arrive(job: Job) -> None:  # pyright: ignore[reportUnusedFunction]
        assert job.payload is not None
        marks.arrived(int(job.payload))

    yield queue
    await connection.close()


async def bulk(function: str, tasks: float, size: float) -> None:
    async with AsyncExitStack() as stack:
        queries = await _queries(stack)
        await pacing.in_batches(
            int(tasks),
            int(size),
            lambda count: queries.enqueue([function] * count, [None] * count, [0] * count),
        )


async def single(function: str, seconds: float, in_flight: float) -> None:
    async with AsyncExitStack() as stack:
        every = [await _queries(stack) for _ in range(int(in_flight))]
        await pacing.in_flight(
            seconds, [lambda queries=queries: queries.enqueue(function, None) for queries in every]
        )


async def latency(function: str, count: float) -> None:
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
    verb, *rest = sys.argv[1:]
    if verb == "work":
        # What `pgq run` does, which itself fails with newer releases of typer.
        uvloop.run(pgqueuer.run(worker, batch_size=int(rest[0])))
    else:
        producer = {"bulk": bulk, "single": single, "latency": latency}[verb]
        uvloop.run(producer(rest[0], *map(float, rest[1:])))

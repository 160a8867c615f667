"""The worker of PgQueuer, made as its documentation shows, with functions as empty as ours.

`python -m tests.bench.contenders.pgqueuer_worker BATCH POOL` in PgQueuer's own environment, with the database in the
PG… variables: the size of its batches, and that of its pool of connections; 0 gives it one connection, outside a pool.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false

import functools
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pgqueuer
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.models import Job

from tests.bench.contenders import marks


@asynccontextmanager
async def worker(pool_size: int) -> AsyncGenerator[PgQueuer]:
    """What `pgqueuer.run` is given."""
    async with AsyncExitStack() as stack:
        if pool_size:
            pool = await stack.enter_async_context(
                asyncpg.create_pool(min_size=pool_size, max_size=pool_size)
            )
            driver = AsyncpgPoolDriver(pool)
        else:
            connection = await asyncpg.connect()
            stack.push_async_callback(connection.close)
            driver = AsyncpgDriver(connection)
        queue = PgQueuer(driver)

        @queue.entrypoint("nothing")
        async def nothing(_job: Job) -> None:  # pyright: ignore[reportUnusedFunction]
            marks.ran()

        @queue.entrypoint("arrive")
        async def arrive(job: Job) -> None:  # pyright: ignore[reportUnusedFunction]
            assert job.payload is not None
            marks.arrived(int(job.payload))

        yield queue


if __name__ == "__main__":
    batch, pool_size = map(int, sys.argv[1:])
    # What `pgq run` does, which itself fails with newer releases of typer.
    uvloop.run(pgqueuer.run(functools.partial(worker, pool_size), batch_size=batch))

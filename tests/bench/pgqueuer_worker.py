"""The worker of PgQueuer, made for `pgq run` as its documentation shows, with functions as empty as ours.

Runs in PgQueuer's own environment; the database is in the PG… variables.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.models import Job

from tests.bench import marks


@asynccontextmanager
async def worker(arguments: list[str]) -> AsyncGenerator[PgQueuer]:
    """What `pgq run` is given, with the size of its pool behind `--`; 0 gives it one connection, outside a pool."""
    async with AsyncExitStack() as stack:
        if size := int(arguments[0]):
            pool = await stack.enter_async_context(asyncpg.create_pool(min_size=size, max_size=size))
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

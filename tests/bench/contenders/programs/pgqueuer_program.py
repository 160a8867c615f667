"""PgQueuer, on asyncpg and uvloop: `work BATCH`, or a producer. The database is in the PG… variables."""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pgqueuer
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from tests.bench.contenders import marks
from tests.bench.contenders.programs.program import Puts, run


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


@asynccontextmanager
async def producers(connections: int) -> AsyncGenerator[Puts]:
    async with AsyncExitStack() as stack:
        idle: list[Queries] = []
        for _ in range(connections):
            connection = await asyncpg.connect()
            stack.push_async_callback(connection.close)
            idle.append(Queries(AsyncpgDriver(connection)))

        async def one() -> None:
            queries = idle.pop()
            await queries.enqueue("nothing", None)
            idle.insert(0, queries)

        yield Puts(
            lambda count: idle[0].enqueue(["nothing"] * count, [None] * count, [0] * count),
            one,
            lambda sent_ns: idle[0].enqueue("arrive", str(sent_ns).encode()),
        )


async def work(batch: int) -> None:
    # What `pgq run` does, which itself fails with newer releases of typer.
    await pgqueuer.run(worker, batch_size=batch)


if __name__ == "__main__":
    run(producers, {"work": work}, uvloop.run)

"""awa, on uvloop: `migrate`, `work WORKERS`, or a producer. The database is in the PG… variables."""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import awa
import uvloop

from tests.bench.contenders import marks
from tests.bench.contenders.programs.program import Puts, run

QUEUE = "bench"


@dataclass
class Nothing:
    """An empty job."""


@dataclass
class Arrive:
    """A job that notes how long it took."""

    sent: int


@asynccontextmanager
async def client() -> AsyncGenerator[Any]:
    made = awa.AsyncClient(_url())
    yield made
    await made.close()


@asynccontextmanager
async def producers(_connections: int) -> AsyncGenerator[Puts]:
    async with client() as made:
        yield Puts(
            lambda count: made.enqueue_many_copy([Nothing() for _ in range(count)], queue=QUEUE),
            lambda: made.insert(Nothing(), queue=QUEUE),
            lambda sent_ns: made.insert(Arrive(sent_ns), queue=QUEUE),
        )


async def migrate() -> None:
    async with client() as made:
        await made.migrate()
    async with worker(1):
        pass  # the first worker of a new database makes the rest of the schema


async def work(workers: int) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    async with worker(workers):
        await ending.wait()


@asynccontextmanager
async def worker(workers: int) -> AsyncGenerator[None]:
    async with client() as made:

        @made.task(Nothing, queue=QUEUE)
        async def nothing(_job: Any) -> None:  # pyright: ignore[reportUnusedFunction]
            marks.ran()

        @made.task(Arrive, queue=QUEUE)
        async def arrive(job: Any) -> None:  # pyright: ignore[reportUnusedFunction]
            marks.arrived(job.args.sent)

        await made.start([{"name": QUEUE, "max_workers": workers, "claim_batch_size": 512}])
        yield
        await made.shutdown()


def _url() -> str:
    """It takes no URL without a host, but a socket's directory as a parameter."""
    names = {name: quote(os.environ.get(name, "")) for name in ("PGUSER", "PGPASSWORD", "PGDATABASE")}
    where = urlencode({"host": os.environ["PGHOST"], "port": os.environ["PGPORT"]})
    return f"postgresql://{names['PGUSER']}:{names['PGPASSWORD']}@localhost/{names['PGDATABASE']}?{where}"


if __name__ == "__main__":
    run(producers, {"migrate": migrate, "work": work}, uvloop.run)

"""The producers and the worker of awa, on uvloop, in its own environment.

`migrate`, `work WORKERS`, or VERB FUNCTION NUMBER…; the database is in the PG… variables.
"""
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

from tests.bench.contenders import marks, pacing
from tests.bench.contenders.command_line import told

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


async def migrate() -> None:
    async with client() as made:
        await made.migrate()
    async with worker(1):
        pass  # the first worker of a new database makes the rest of the schema


async def work(workers: float) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    async with worker(int(workers)):
        await ending.wait()


async def bulk(_function: str, tasks: float, size: float) -> None:
    async with client() as made:
        await pacing.in_batches(
            int(tasks),
            int(size),
            lambda count: made.enqueue_many_copy([Nothing() for _ in range(count)], queue=QUEUE),
        )


async def single(_function: str, seconds: float, in_flight: float) -> None:
    async with client() as made:
        await pacing.in_flight(seconds, [lambda: made.insert(Nothing(), queue=QUEUE)] * int(in_flight))


async def latency(_function: str, count: float) -> None:
    async with client() as made:
        await pacing.now_and_then(int(count), lambda sent_ns: made.insert(Arrive(sent_ns), queue=QUEUE))


def _url() -> str:
    """It takes no URL without a host, but a socket's directory as a parameter."""
    names = {name: quote(os.environ.get(name, "")) for name in ("PGUSER", "PGPASSWORD", "PGDATABASE")}
    where = urlencode({"host": os.environ["PGHOST"], "port": os.environ["PGPORT"]})
    return f"postgresql://{names['PGUSER']}:{names['PGPASSWORD']}@localhost/{names['PGDATABASE']}?{where}"


if __name__ == "__main__":
    verbs = {"migrate": migrate, "work": work, "bulk": bulk, "single": single, "latency": latency}
    uvloop.run(told(verbs))

"""The producers of Celery and the application of its worker, in its own environment.

VERB FUNCTION NUMBER…; the Redis is REDIS_URL. Celery has no call for many tasks, and no coroutines.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportFunctionMemberAccess=false

import asyncio
import os

from celery import Celery

from tests.bench.contenders import marks, pacing
from tests.bench.contenders.command_line import told

app = Celery("bench", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=128,
    worker_disable_rate_limits=True,
)


@app.task(name="nothing")
def nothing() -> None:
    marks.ran()


@app.task(name="arrive")
def arrive(sent: int) -> None:
    marks.arrived(sent)


async def bulk(_function: str, tasks: float, size: float) -> None:
    async def put(count: int) -> None:
        for _ in range(count):
            nothing.delay()

    await pacing.in_batches(int(tasks), int(size), put)


async def single(_function: str, seconds: float, in_flight: float) -> None:
    async def put() -> None:
        await asyncio.to_thread(nothing.delay)

    await pacing.in_flight(seconds, [put] * int(in_flight))


async def latency(_function: str, count: float) -> None:
    async def put(sent_ns: int) -> None:
        arrive.delay(sent_ns)

    await pacing.now_and_then(int(count), put)


if __name__ == "__main__":
    asyncio.run(told({"bulk": bulk, "single": single, "latency": latency}))

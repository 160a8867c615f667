"""The producers of dramatiq and the actors of its worker, in its own environment.

VERB FUNCTION NUMBER…; the Redis is REDIS_URL. dramatiq has no call for many messages, and no coroutines.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportFunctionMemberAccess=false

import asyncio
import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from tests.bench.contenders import marks, pacing
from tests.bench.contenders.command_line import told

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def nothing() -> None:
    marks.ran()


@dramatiq.actor
def arrive(sent: int) -> None:
    marks.arrived(sent)


async def bulk(_function: str, tasks: float, size: float) -> None:
    async def put(count: int) -> None:
        for _ in range(count):
            nothing.send()

    await pacing.in_batches(int(tasks), int(size), put)


async def single(_function: str, seconds: float, in_flight: float) -> None:
    async def put() -> None:
        await asyncio.to_thread(nothing.send)

    await pacing.in_flight(seconds, [put] * int(in_flight))


async def latency(_function: str, count: float) -> None:
    async def put(sent_ns: int) -> None:
        arrive.send(sent_ns)

    await pacing.now_and_then(int(count), put)


if __name__ == "__main__":
    asyncio.run(told({"bulk": bulk, "single": single, "latency": latency}))

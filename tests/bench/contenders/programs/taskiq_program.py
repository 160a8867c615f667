"""The producers of taskiq and the broker of its worker, in its own environment.

VERB FUNCTION NUMBER…; the Redis is REDIS_URL. taskiq has no call for many tasks: a batch is as many calls at once.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportFunctionMemberAccess=false

import asyncio
import os
import sys
from typing import Any

import uvloop
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisStreamBroker

from tests.bench.contenders import marks, pacing

CONNECTIONS = 20

# The consumer group reads what was enqueued before the first worker came, too.
broker = RedisStreamBroker(
    os.environ["REDIS_URL"], consumer_id="0", max_connection_pool_size=CONNECTIONS
).with_serializer(ORJSONSerializer())


@broker.task(task_name="nothing")
async def nothing() -> None:
    marks.ran()


@broker.task(task_name="arrive")
async def arrive(sent: int) -> None:
    marks.arrived(sent)


async def bulk(_function: str, tasks: float, size: float) -> None:
    async def put(count: int) -> None:
        await asyncio.gather(*(nothing.kiq() for _ in range(count)))

    await pacing.in_batches(int(tasks), int(size), put)


async def single(_function: str, seconds: float, in_flight: float) -> None:
    await pacing.in_flight(seconds, [nothing.kiq] * int(in_flight))


async def latency(_function: str, count: float) -> None:
    await pacing.now_and_then(int(count), arrive.kiq)


async def produce(verb: str, function: str, *numbers: float) -> None:
    producers: dict[str, Any] = {"bulk": bulk, "single": single, "latency": latency}
    await broker.startup()
    await producers[verb](function, *numbers)
    await broker.shutdown()


if __name__ == "__main__":
    verb, function, *rest = sys.argv[1:]
    uvloop.run(produce(verb, function, *map(float, rest)))

"""taskiq, on uvloop: its producers, and the broker of its worker. The Redis is REDIS_URL.

It has no call for many tasks: a batch is as many calls at once.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false, reportFunctionMemberAccess=false

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvloop
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisStreamBroker

from tests.bench.contenders import marks
from tests.bench.contenders.programs.program import Puts, run

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


@asynccontextmanager
async def producers(_connections: int) -> AsyncGenerator[Puts]:
    await broker.startup()
    yield Puts(lambda count: asyncio.gather(*(nothing.kiq() for _ in range(count))), nothing.kiq, arrive.kiq)
    await broker.shutdown()


if __name__ == "__main__":
    run(producers, {}, uvloop.run)

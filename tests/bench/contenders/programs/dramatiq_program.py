"""dramatiq: its producers, and the actors of its worker. The Redis is REDIS_URL."""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false, reportFunctionMemberAccess=false

import asyncio
import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from tests.bench.contenders import marks
from tests.bench.contenders.programs.program import in_threads, run

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def nothing() -> None:
    marks.ran()


@dramatiq.actor
def arrive(sent: int) -> None:
    marks.arrived(sent)


if __name__ == "__main__":
    run(in_threads(nothing.send, arrive.send), {}, asyncio.run)

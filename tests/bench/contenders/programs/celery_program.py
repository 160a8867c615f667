"""Celery: its producers, and the application of its worker. The Redis is REDIS_URL."""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false, reportFunctionMemberAccess=false

import asyncio
import os

from celery import Celery

from tests.bench.contenders import marks
from tests.bench.contenders.programs.program import in_threads, run

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


if __name__ == "__main__":
    run(in_threads(nothing.delay, arrive.delay), {}, asyncio.run)

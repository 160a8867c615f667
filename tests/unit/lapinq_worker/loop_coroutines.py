"""Coroutines that behave well and badly on the event loop's pool, and ways to have them there."""

import asyncio
import contextvars
import time
import types
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

from lapinq_core.domain.errors import RetryError
from lapinq_core.domain.tasks.outcome import Cancelled, Completed, Raised
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools import event_loop
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job, make_limited_job
from tests.unit.lapinq_worker.workbench import Workbench, until

variable = contextvars.ContextVar("variable", default="unset")
NULL = Completed("null")
CANCELLED = Cancelled("stopped on request")
CANCELLED_INSIDE = Raised("CancelledError: the coroutine was cancelled from inside")


async def remember(value: str) -> str:
    """Sets the variable, and answers what it was before and is after others have run."""
    before = variable.get()
    variable.set(value)
    await asyncio.sleep(0)
    return f"{before} {variable.get()}"


async def forget(value: str) -> None:
    token = variable.set(value)
    try:
        await asyncio.sleep(60)
    finally:
        variable.reset(token)


async def raise_cancelled() -> None:
    raise asyncio.CancelledError


async def await_cancelled() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def cancel_own_task() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def cancel_own_task_and_wait() -> None:
    await cancel_own_task()
    await asyncio.sleep(60)


async def swallow_own_cancellation() -> str:
    try:
        await cancel_own_task_and_wait()
    except asyncio.CancelledError:
        return "swallowed"
    return "never"


async def cancel_task_later(seconds: float) -> None:
    """Leaves a timer behind that cancels the slot when something else runs there, or nothing."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(seconds, task.cancel)


async def swallow_and_return() -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "late"
    return "never"


async def swallow_and_fail() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise ValueError("torn down") from None


async def await_stubborn_task() -> None:
    await asyncio.create_task(tasks.stubborn())


async def exit_program() -> None:
    raise SystemExit(3)


async def interrupt_program() -> None:
    await asyncio.sleep(0)
    raise KeyboardInterrupt


async def stop_iteration() -> None:
    raise StopIteration("x")


async def timed_out_inside() -> str:
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
    except TimeoutError:
        await asyncio.sleep(0)
        return "timed out"
    return "never"


async def timed_out_in_the_end() -> None:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(60)


async def grouped() -> list[str]:
    async with asyncio.TaskGroup() as group:
        inner = [group.create_task(remember(str(n))) for n in range(3)]
    return [task.result() for task in inner]


async def grouped_with_failure() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))
        group.create_task(tasks.afail("inside"))


@types.coroutine
def generated() -> Generator[None, None, str]:
    yield
    return "generated"


async def await_generated() -> str:
    return await generated()


class Awaitable:
    def __await__(self) -> Generator[Any, None, str]:
        yield from asyncio.sleep(0).__await__()
        return "awaited"


async def await_awaitable() -> str:
    return await Awaitable()


@asynccontextmanager
async def resource(log: list[str]) -> AsyncGenerator[None]:
    log.append("opened")
    try:
        yield
    finally:
        log.append("closed")


CLOSED = list[str]()


async def hold_resource() -> None:
    async with resource(CLOSED):
        await tasks.stubborn()


async def busy(seconds: float) -> None:
    """Computes without waiting."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def pool_of(bench: Workbench) -> event_loop.EventLoopPool:
    assert isinstance(bench.pool, event_loop.EventLoopPool)
    return bench.pool


def cancel(bench: Workbench, job: Job) -> bool:
    return pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)


async def begin(bench: Workbench, function: Any, *args: Any, time_limit: float | None = None) -> Job:
    """A job that runs, and waits."""
    job = make_limited_job(function, time_limit, *args)
    bench.dispatcher.offer([job])
    await until(lambda: job.started and pool_of(bench).current is None)
    return job


async def check_every_slot_works(bench: Workbench) -> None:
    """Each place runs something, at the same time."""
    limit = bench.dispatcher.limit
    jobs = [make_job(tasks.asleep, 0.01) for _ in range(2 * limit)]
    assert await bench.run(*jobs) == [Completed('"slept"')] * (2 * limit)


async def ask_again() -> None:
    raise RetryError(1.5)


async def say_much() -> str:
    return "x" * 20


async def give_unstorable() -> object:
    return object()

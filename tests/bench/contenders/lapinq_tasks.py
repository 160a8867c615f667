"""The tasks that lapinq's workers run while they are measured. LAPINQ_URL tells where they are enqueued, or
`hand_in` in which database."""

import asyncio
import os

from lapinq import AsyncTaskQueue, current_task
from tests.bench.contenders import marks, pacing

queue = AsyncTaskQueue(os.environ.get("LAPINQ_URL", "postgresql:///"))
_failed: set[int] = set()


@queue.task
async def nothing() -> None:
    marks.ran()


@queue.task
def nothing_plain() -> None:
    marks.ran()


@queue.task
async def nothing_with(_payload: str) -> None:
    marks.ran()


@queue.task
async def numbered(_number: int) -> None:
    marks.ran()


@queue.task(max_retries=0)
async def fail() -> None:
    marks.ran()
    raise ValueError("as it should")


@queue.task(max_retries=1, retry_delay=0.0)
async def fail_once(number: int) -> None:
    marks.ran()
    _fail_first(number)


@queue.task(retry_delay=0.0)
async def mix(number: int, _payload: str) -> None:
    """Waits as for another server; one in a hundred fails the first time."""
    marks.ran()
    await asyncio.sleep(pacing.MIX_SECONDS)
    if number % pacing.MIX_FAILS_EACH == 0:
        _fail_first(number)


def _customer(number: int, _payload: str) -> str | None:
    """A thousand of them, in the last queue."""
    return f"customer {number % 1_000}" if number % pacing.MIX_QUEUES == pacing.MIX_QUEUES - 1 else None


@queue.task(retry_delay=0.0, key=_customer)
async def full_mix(number: int, payload: str) -> None:
    current_task().progress(50, "half of it")
    await mix(number, payload)


def _fail_first(number: int) -> None:
    """Raises the first time that this process gets `number`."""
    if number not in _failed:
        _failed.add(number)
        raise ValueError("as it should, for now")


@queue.task
async def arrive(sent_ns: int) -> None:
    """Notes how long it took to get here."""
    marks.arrived(sent_ns)


@queue.task
def arrive_plain(sent_ns: int) -> None:
    marks.arrived(sent_ns)


@queue.task
async def arrive_briefly(sent_ns: int) -> None:
    marks.arrived(sent_ns)
    await take_briefly()


@queue.task
async def take_briefly() -> None:
    await asyncio.sleep(0.005)

"""Tasks declared the way users declare them. A test points `queue` at its server."""

import asyncio
import time
from pathlib import Path

from lapinq import Cancel, Delays, Snooze, TaskQueue, TimeLimit, current_task

queue = TaskQueue()


class Hopeless(Exception):
    """What no retry helps against."""


@queue.task(max_retries=5, no_retry_for=Hopeless)
def give_up() -> None:
    """Fails for good."""
    raise Hopeless("for good")


@queue.task(retry=[0, 0.1])
async def fail_always() -> None:
    """Fails, three times in all."""
    raise ValueError(f"start {current_task().attempt}")


@queue.task(retry=Delays((0.05,)), max_retries=9)
def fail_until(attempt: int) -> int:
    """Fails until that start."""
    if current_task().attempt < attempt:
        raise ValueError("not yet")
    return current_task().attempt


@queue.task(max_retries=0)
def snooze_once(path: str) -> int:
    """Asks to be run later, the first time."""
    if not Path(path).exists():
        Path(path).touch()
        raise Snooze(0.1)
    return current_task().attempt


@queue.task
async def cancel_itself(reason: str) -> None:
    raise Cancel(reason)


@queue.task(timeout=0.5, max_retries=0)
def tidy_up(path: str) -> str:
    """Exceeds its time limit, and leaves a file when it is interrupted."""
    try:
        time.sleep(60)
    except TimeLimit:
        Path(path).touch()
        raise
    return "slept"


@queue.task(timeout=0.5, max_retries=0)
def sleep_on() -> str:
    """Exceeds its time limit, and returns when it is interrupted."""
    try:
        time.sleep(60)
    except TimeLimit as limit:
        return f"stopped after {limit.limit:g} s"
    return "slept"


@queue.task(timeout=0.5, max_retries=0)
async def asleep_on() -> None:
    """Takes too long, as a coroutine."""
    await asyncio.sleep(60)


@queue.task(max_retries=3)
def count_until_cancelled(path: str) -> int:
    """Works until somebody cancels it; leaves a file then."""
    task = current_task()
    for n in range(10_000):
        task.progress(n % 100, f"step {n}")
        if n == 0:
            task.log.info("begun %s", task.metadata.get("label"))
        if task.cancelled:
            Path(path).touch()
            return n
        time.sleep(0.01)
    return -1


@queue.task(max_retries=3)
async def wait_until_cancelled(path: str) -> None:
    current_task().log.info("begun %s", current_task().metadata.get("label"))
    current_task().progress(50, "half")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        Path(path).touch()  # a file is how the test hears of it
        raise


@queue.task
def describe() -> dict[str, object]:
    """What it knows of itself."""
    return _describe()


@queue.task
async def adescribe() -> dict[str, object]:
    await asyncio.sleep(0)
    return _describe()


def _describe() -> dict[str, object]:
    task = current_task()
    task.progress(99, "nearly there")
    task.log.warning("described %s", task.task_name)
    return {
        "id": task.id,
        "name": task.task_name,
        "module": task.module_path,
        "queue": task.queue,
        "attempt": task.attempt,
        "max_retries": task.max_retries,
        "metadata": task.metadata,
        "request_id": task.request_id,
        "enqueued_at": task.enqueued_at,
        "deadline": task.deadline,
        "claim_seq": task.claim_seq,
        "cancelled": task.cancelled,
        "lease_lost": task.lease_lost,
    }


@queue.task(timeout=0.3, max_retries=5, no_retry_for=TimeLimit)
def sleep_once() -> None:
    """Takes too long, and is not to be tried again for that."""
    time.sleep(60)

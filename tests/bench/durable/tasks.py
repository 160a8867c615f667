"""The durable tasks that lapinq's workers run while they are measured."""

import os
import time
from pathlib import Path

from lapinq import AsyncTaskQueue, current_task

queue = AsyncTaskQueue(os.environ.get("LAPINQ_URL", "postgresql:///"))


async def nothing(number: int) -> int:
    return number


@queue.task
async def steps(count: int) -> int:
    task = current_task()
    done = 0
    for number in range(count):
        done += await task.step("step", nothing, number)
    return done


@queue.task
async def many_steps(count: int, notes: str) -> None:
    """Waits for a signal after its steps, and then notes the time."""
    task = current_task()
    for number in range(count):
        await task.step("step", nothing, number)
    await task.wait_for_signal("go on")
    note(notes)


@queue.task
async def wait_once(notes: str) -> None:
    await current_task().wait_for_signal("go on")
    note(notes)


@queue.task
async def start(notes: str) -> None:
    note(notes)


def note(notes: str) -> None:
    """The time, in a file that it appends to."""
    with Path(notes).open("a") as file:
        file.write(f"{time.time()}\n")

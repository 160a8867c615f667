"""Tasks as a small shop has them, for the pictures of the dashboard."""

import asyncio
import random

import lapinq

queue = lapinq.TaskQueue()
NO_PRICE = 3331
"""Each item with a multiple of this number has none."""


class MailboxFull(Exception):
    """The receiver takes no more."""


@queue.task
async def send_receipt(order: int, to: str) -> str:
    """Sends a mail, most of the time."""
    await asyncio.sleep(random.uniform(0.02, 0.2))
    if order % 9 == 0:
        raise TimeoutError(f"smtp.example did not answer within {5 + order % 7}.0 s")
    if order % 17 == 0:
        raise MailboxFull(f"mailbox of {to} is full")
    return f"sent to {to}"


@queue.task
async def thumbnail(path: str, width: int = 200) -> dict[str, object]:
    """Makes a picture smaller."""
    await asyncio.sleep(random.uniform(0.05, 0.4))
    return {"path": f"{path}-{width}.jpg", "width": width, "height": width * 3 // 4}


@queue.task
async def transcode(video: str, seconds: float, preset: str = "web") -> str:
    """Takes a while, and tells how far it is."""
    task = lapinq.current_task()
    steps = 20
    for step in range(steps):
        task.progress(step * 100 // steps, f"frame {step * 240} of {steps * 240}")
        task.log.info("wrote segment %d of %s", step, video)
        await asyncio.sleep(seconds / steps)
    return f"{video}.{preset}.mp4"


@queue.task
async def nightly_report(day: str) -> dict[str, int]:
    """Adds up a day."""
    await asyncio.sleep(0.3)
    if day.endswith("3"):
        raise KeyError(day)
    return {"orders": 412, "refunds": 9}


@queue.task
async def price(item: int) -> float:
    """Looks up a price."""
    if item % NO_PRICE == 0:
        raise LookupError(f"item {item} has no price")
    return item / 100

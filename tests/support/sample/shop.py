"""Tasks as a small shop has them, for the pictures of the dashboard."""

import asyncio
import random

import lapinq
from lapinq.aio import current_task

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


APPROVAL = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean", "title": "Do you approve?"},
        "discount": {"type": "number", "title": "Discount in %", "minimum": 0, "maximum": 30, "default": 5},
        "carrier": {"enum": ["DHL", "GLS", "SEUR", "Correos", "UPS"], "title": "Carrier"},
        "note": {
            "type": "string",
            "title": "Note",
            "description": "The customer reads it.",
            "maxLength": 500,
        },
    },
    "required": ["approved"],
}


@queue.task
async def large_order(order: int, customer: str, seconds: float = 0.3) -> str:
    """Charges, and ships once somebody has approved by a link."""
    task = current_task()

    async def work(gives: str) -> str:
        await asyncio.sleep(seconds)
        return gives

    async def ask() -> str:
        return await task.signal_url(
            "approve",
            title=f"Approve order {order}?",
            text=f"{customer} wants 40 rabbit hutches for 5,600 €.\nThat is more than ever before.",
            schema=APPROVAL,
        )

    await asyncio.gather(
        task.step("reserve", work, f"shelf-{order % 7}"), task.step("charge", work, f"payment-{order}")
    )
    await task.sleep(seconds * 4)
    for _ in range(8):
        await task.step("pack a box", work, "packed")
    await task.step("ask", ask)
    answer = await task.wait_for_signal("approve", timeout=3 * 86400)
    if not answer["approved"]:
        return await task.step("refund", work, "refunded")
    return await task.step("ship", work, "shipped")

"""The bank, the warehouse and the mail, as files in a folder.

A step that is interrupted before its result is stored runs again. So each of these functions does twice what it does
once: here by writing the same file. Of a real bank's API, use its idempotency key.
"""

import time
from pathlib import Path
from typing import TypedDict

from ..files import replacing
from ..running import Problem


class Order(TypedDict):
    """What a customer wants."""

    number: int
    customer: str
    cents: int


def charge(folder: str, order: Order) -> str:
    """Take the money. Return the number of the payment."""
    payment = f"payment-{order['number']}"
    _write(folder, f"bank/{payment}.txt", f"{order['customer']} paid {order['cents'] / 100:.2f}")
    return payment


def refund(folder: str, payment: str) -> None:
    """Give the money of a payment back."""
    _write(folder, f"bank/{payment}-refunded.txt", "paid back")


def ship(folder: str, order: Order) -> None:
    """Send the goods."""
    _write(folder, f"warehouse/order-{order['number']}.txt", f"to {order['customer']}")


def mail(folder: str, order: Order, text: str, to: str | None = None) -> None:
    """Write to the customer, or to somebody else."""
    _write(folder, _mail(order, to or order["customer"]), text)


def mail_to_the_boss(folder: str, order: Order, seconds: float) -> str:
    """What the mail about an order says, once it is there. Raises `Problem` if it doesn't come within `seconds`."""
    deadline = time.monotonic() + seconds
    file = Path(folder, _mail(order, "boss"))
    while not file.exists():
        if time.monotonic() > deadline:
            raise Problem(f"{file} did not come. Is a worker running?")
        time.sleep(0.1)
    return file.read_text(encoding="utf-8").strip()


def _mail(order: Order, to: str) -> str:
    return f"mail/order-{order['number']}-{to}.txt"


def _write(folder: str, name: str, text: str) -> None:
    with replacing(Path(folder, name)) as part:
        part.write_text(f"{text}\n", encoding="utf-8")

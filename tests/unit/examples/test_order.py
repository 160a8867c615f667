"""The order of `examples/order` ends the same wherever its worker dies."""

from pathlib import Path
from typing import Any

import pytest

from examples.order.__main__ import APPROVED, SMALL
from examples.order.tasks import PATIENCE, fulfil
from examples.order.world import Order
from lapinq.testing import InlineTasks, crash_everywhere, travel


@pytest.mark.parametrize(
    ("order", "decision", "result", "files"),
    [
        (SMALL, None, "shipped", ["bank/payment-1.txt", "mail/order-1-Ana.txt", "warehouse/order-1.txt"]),
        (
            APPROVED,
            {"approved": True},
            "shipped",
            [
                *("bank/payment-2.txt", "mail/order-2-Ben.txt", "mail/order-2-boss.txt"),
                "warehouse/order-2.txt",
            ],
        ),
        (
            APPROVED,
            {"approved": False, "reason": "a hoax"},
            "refused: a hoax",
            [
                *("bank/payment-2-refunded.txt", "bank/payment-2.txt"),
                *("mail/order-2-Ben.txt", "mail/order-2-boss.txt"),
            ],
        ),
        (
            APPROVED,
            None,
            "refused: nobody decided in time",
            [
                *("bank/payment-2-refunded.txt", "bank/payment-2.txt"),
                *("mail/order-2-Ben.txt", "mail/order-2-boss.txt"),
            ],
        ),
    ],
    ids=["small", "approved", "refused", "late"],
)
def test_an_order_ends_the_same_wherever_its_worker_dies(
    tmp_path: Path, order: Order, decision: dict[str, Any] | None, result: str, files: list[str]
) -> None:
    signals = {} if decision is None else {"decision": decision}
    assert crash_everywhere(fulfil, order, str(tmp_path), signals=signals).result == f'"{result}"'
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.txt")) == files


def test_a_large_order_waits_for_two_days(lapinq_inline: InlineTasks, tmp_path: Path) -> None:
    ref = fulfil.queue(APPROVED, str(tmp_path))
    travel(PATIENCE - 1)
    assert ref.status() == "pending"
    travel(2)
    assert ref.result() == "refused: nobody decided in time"

"""`python -m examples.order`: four orders. Of the large ones a person approves one, refuses one, and forgets one."""

import httpx

from ..running import options, run, value_of
from .tasks import PATIENCE, fulfil, queue
from .world import Order, mail_to_the_boss

SMALL: Order = {"number": 1, "customer": "Ana", "cents": 19_90}
APPROVED: Order = {"number": 2, "customer": "Ben", "cents": 900_00}
REFUSED: Order = {"number": 3, "customer": "Cho", "cents": 70_000_00}
FORGOTTEN: Order = {"number": 4, "customer": "Dan", "cents": 800_00}


def main() -> None:
    """Enqueue the orders, decide by the links in the mails, and print how each ended."""
    parser = options("order", "Fulfil orders, of which a person approves the large ones.")
    parser.add_argument("--by-hand", action="store_true", help="print the links, for you to decide")
    given = parser.parse_args()
    queue.server_url, queue.api_key = given.server_url, given.api_key
    folder = str(given.folder.resolve())  # the worker may run in another directory

    refs = {
        order["number"]: fulfil.queue(order, folder, 1.0 if order is FORGOTTEN else PATIENCE)
        for order in (SMALL, APPROVED, REFUSED, FORGOTTEN)
    }
    decisions = [
        (APPROVED, {"approved": True}),
        (REFUSED, {"approved": False, "reason": "the card was reported"}),
    ]
    for order, decision in decisions:
        link = mail_to_the_boss(folder, order, given.timeout)
        if given.by_hand:
            print(f"decide on order {order['number']}: {link}")
        else:
            httpx.post(link, json=decision).raise_for_status()
    for number, ref in refs.items():
        print(f"order {number} {value_of(ref.wait(given.timeout))}")


if __name__ == "__main__":
    run(main)

"""The life of an order: it is paid, a large one is approved by a person, then it is shipped or paid back."""

import lapinq
from lapinq import TaskQueue, current_task

from .world import Order, charge, mail, refund, ship

queue = TaskQueue(queue_name="order")

LARGE = 500_00  # cents
PATIENCE = 2 * 86_400.0  # seconds
FORM = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean", "title": "Ship it"},
        "reason": {"type": "string", "title": "If not, why?", "maxLength": 100},
    },
    "required": ["approved"],
}


@queue.task(max_retries=5, retry_delay=1)
def fulfil(order: Order, folder: str, patience: float = PATIENCE) -> str:
    """Charge, get an approval if it is large, and ship or refund. `folder` is the world."""
    task = current_task()
    payment = task.step("charge", charge, folder, order)
    refusal = refusal_of(order, folder, patience) if order["cents"] >= LARGE else None
    if refusal is None:
        task.step("ship", ship, folder, order)
        task.step("tell", mail, folder, order, "Your order is on its way.")
        return "shipped"
    task.step("refund", refund, folder, payment)
    task.step("tell", mail, folder, order, f"You have your money back: {refusal}.")
    return f"refused: {refusal}"


def refusal_of(order: Order, folder: str, patience: float) -> str | None:
    """Wait for a person. Return why the order is refused, None if it is approved."""
    task = current_task()
    task.step("ask", ask, order, folder)
    try:
        decision = task.wait_for_signal("decision", timeout=patience)
    except lapinq.WaitTimeout:
        return "nobody decided in time"
    return None if decision["approved"] else decision.get("reason") or "no reason was given"


def ask(order: Order, folder: str) -> None:
    """Mail the link by which somebody decides, without an account."""
    text = f"{order['customer']} has paid {order['cents'] / 100:,.2f}."
    link = current_task().signal_url("decision", title=f"Order {order['number']}", text=text, schema=FORM)
    mail(folder, order, link, to="boss")

"""What the shop does in the background."""

from typing import TYPE_CHECKING

import django
from django.core.mail import send_mail
from django.utils import timezone

from lapinq import TaskQueue

if TYPE_CHECKING or django.VERSION >= (6,):
    from django.tasks import task
else:
    from django_tasks import task  # the same for older versions

from .models import Order

queue = TaskQueue(queue_name="reports")


@task(queue_name="mail", priority=10)
def confirm(order_id: int) -> str:
    """Mail the customer that the order has arrived."""
    order = Order.objects.get(pk=order_id)
    send_mail("Your order", f"Thank you for order {order_id}.", "shop@example.com", [order.email])
    Order.objects.filter(pk=order_id).update(confirmed_at=timezone.now())
    return order.email


@task
async def count_orders() -> int:
    """A coroutine runs on the worker's event loop."""
    return await Order.objects.acount()


@queue.task(max_retries=0)
def report() -> dict[str, int]:
    """A task of lapinq itself, with all its options, runs in the same worker."""
    return {"orders": Order.objects.count()}

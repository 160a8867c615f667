"""What happens to an order after it was placed."""

import time
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from lapinq import TaskQueue, current_task

from .database import DATABASE_URL, Order, engine

queue = TaskQueue(DATABASE_URL, queue_name="shop")

SECONDS_PER_ARTICLE = 0.5


@queue.task(timeout=20)
def confirm(order_id: UUID) -> None:
    """Mail the customer. Running twice sends one mail, unless the worker dies between the two lines."""
    with Session(engine) as session, session.begin():
        order = session.get_one(Order, order_id)
        if order.confirmed_at is None:
            current_task().log.info("mail to %s: thank you for order %s", order.email, order.id)
            order.confirmed_at = datetime.now(UTC)


@queue.task
def pack(order_id: UUID) -> str:
    """Put one article after the other into the parcel. A second attempt continues where the first one ended."""
    with Session(engine) as session:
        order = session.get_one(Order, order_id)
        for article in order.articles[order.packed :]:
            time.sleep(SECONDS_PER_ARTICLE)  # the work
            order.packed += 1
            session.commit()
            current_task().progress(100 * order.packed / len(order.articles), f"packed a {article}")
    return f"{len(order.articles)} articles"

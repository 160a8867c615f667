"""The queues: their counts, the age of their oldest task, and whether they are paused."""

from typing import Any

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.state import State
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.tasks import queues
from lapinq_core.tasks.queues import MAX_REASON, QueueOrder

MAX_SHOWN = 500


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    part, order = address.query.get("q", ""), address.query.get("order", QueueOrder.NAME)
    if part:
        check_name("q", part)  # a part of a name
    if order not in set(QueueOrder):
        raise InvalidValue("order", f"must be one of {', '.join(QueueOrder)}")
    found, count = await state.database.scan(queues.list_queues, part, QueueOrder(order), MAX_SHOWN, readable)
    return {
        "queues": found,
        "count": count,
        "q": part,
        "order": order,
        "orders": list(QueueOrder),
        "max_reason": MAX_REASON,
    }


VIEW = View(
    path="/queues",
    template="queues.html",
    here="queues",
    load=load,
    is_narrowed=True,
    parts=("queues-list",),
    is_list=True,
    parameters=frozenset({"q", "order"}),
)

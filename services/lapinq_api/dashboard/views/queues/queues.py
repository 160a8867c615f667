"""The queues: their counts, the age of their oldest task, their badges, and whether they are paused."""

from typing import Any

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.state import State
from lapinq_api.wire.query import whole_number
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.tasks import queues
from lapinq_core.tasks.queues import MAX_REASON, QueueOrder, Trouble

PAGE = 100
MAX_SKIPPED = 1_000_000


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    part, order = address.query.get("q", ""), address.query.get("order", QueueOrder.NAME)
    trouble = address.query.get("trouble")
    if part:
        check_name("q", part)  # a part of a name
    if order not in set(QueueOrder):
        raise InvalidValue("order", f"must be one of {', '.join(QueueOrder)}")
    if trouble is not None and trouble not in set(Trouble):
        raise InvalidValue("trouble", f"must be one of {', '.join(Trouble)}")
    skipped = whole_number(CURSOR, address.query.get(CURSOR), 0, lowest=0, highest=MAX_SKIPPED)
    found, count = await state.database.scan(
        queues.list_queues,
        part,
        QueueOrder(order),
        PAGE,
        readable,
        None if trouble is None else Trouble(trouble),
        skipped,
    )
    end = skipped + len(found)
    return {
        "queues": found,
        "count": count,
        "skipped": skipped,
        "links": page_links(address.query, str(end) if end < count else None),
        "q": part,
        "order": order,
        "orders": list(QueueOrder),
        "trouble": trouble,
        "kinds": list(Trouble),
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
    parameters=frozenset({"q", "order", "trouble", CURSOR}),
)

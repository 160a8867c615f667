"""The webhooks: pending, delivered and given up."""

from typing import Any

import msgspec

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.operations.bodies.objects import WebhookObject
from lapinq_api.operations.filters.webhook import read_filter
from lapinq_api.operations.paging import DEFAULT_LIMIT, cursor_after_number
from lapinq_api.state import State
from lapinq_core.domain.queue_filter import Readable, narrowed
from lapinq_core.domain.webhooks.webhook import WebhookState
from lapinq_core.webhooks import deliveries


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    chosen = narrowed(read_filter(address.query), readable)
    lines, last = await state.database.scan(deliveries.list_webhooks, chosen, DEFAULT_LIMIT)
    return {
        "webhooks": [_line.decode(line) for line in lines],
        "states": list(WebhookState),
        "filters": address.query,
        "links": page_links(address.query, None if last is None else cursor_after_number(last)),
    }


_line = msgspec.json.Decoder(WebhookObject)

VIEW = View(
    path="/webhooks",
    template="webhooks.html",
    here="webhooks",
    load=load,
    is_narrowed=True,
    parts=("webhooks-list",),
    is_list=True,
    parameters=frozenset({"state", "queue", "task_id", CURSOR}),
)

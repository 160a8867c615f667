"""The inbox: what waits for a signal, the oldest first."""

from typing import Any

import msgspec

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.operations.filters.waits import cursor_after_place, read_place
from lapinq_api.operations.paging import DEFAULT_LIMIT
from lapinq_api.state import State
from lapinq_core.domain.queue_filter import Readable, narrowed
from lapinq_core.domain.tasks.durable.calls import check_name as check_signal
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.durable import links, waits
from lapinq_core.durable.links import Open
from lapinq_core.durable.waits import WaitFilter, Waiting


class Entry(msgspec.Struct, frozen=True):
    """A wait, and what its task asks by a link for each of the signals; None for one without."""

    wait: Waiting
    asked: list[tuple[str, Open | None]]


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    queue, name = address.query.get("queue"), address.query.get("name")
    if queue is not None:
        check_name("queue", queue)
    if name is not None:
        check_signal("name", name)
    chosen = narrowed(WaitFilter(queue=queue, name=name, after=read_place(address.query)), readable)
    found = await state.database.scan(waits.list_waits, chosen, DEFAULT_LIMIT + 1)
    shown = found[:DEFAULT_LIMIT]
    open_ones = (
        await state.database.run(links.open_decisions, [one.task_id for one in shown]) if shown else []
    )
    asked = {(one.task_id, one.name): one for one in reversed(open_ones)}
    cursor = cursor_after_place(shown[-1].place) if len(found) > len(shown) else None
    filters = {name: text for name, text in address.query.items() if name != "sent"}
    return {
        "entries": [
            Entry(one, [(name, asked.get((one.task_id, name))) for name in one.names]) for one in shown
        ],
        "filters": {name: text for name, text in filters.items() if name != CURSOR},
        "sent": address.query.get("sent"),
        "links": page_links(filters, cursor),
    }


VIEW = View(
    path="/waits",
    template="waits.html",
    here="waits",
    load=load,
    is_narrowed=True,
    parts=("waits-list",),
    is_list=True,
    parameters=frozenset({"queue", "name", "sent", CURSOR}),
)

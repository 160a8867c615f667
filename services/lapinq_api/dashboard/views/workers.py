"""The workers: their health, their tasks, and the requests that operators can make."""

from typing import Any

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.state import State
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.fleet import operators


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del address, readable
    return {"fleet": await state.database.scan(operators.list_workers)}


VIEW = View(
    path="/workers",
    template="workers.html",
    here="workers",
    load=load,
    parts=("workers-table",),
    is_list=True,
)

"""Named limits: what runs, waits and is left of each, and until when a task has closed it."""

from typing import Any

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.state import State
from lapinq_core.limits import named_limits


async def load(state: State, address: PageAddress) -> dict[str, Any]:
    del address
    return {"limits": await state.database.scan(named_limits.list_limits)}


VIEW = View(
    path="/limits",
    template="limits.html",
    here="queues",
    load=load,
    parts=("limits-list",),
    is_list=True,
)

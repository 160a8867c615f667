"""The published protocol of `/ws` for other programs: cards of the queues and a table of tasks."""

from typing import Any

from lapinq_api.dashboard.live.live_filters import as_filter
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.state import State
from lapinq_core.domain.queue_filter import Readable, narrowed
from lapinq_core.lookup.overview import total_of
from lapinq_core.tasks import inspect

TASKS_SHOWN = 50


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    scan = state.database.scan
    queues = await scan(inspect.count_queues, readable)
    chosen = narrowed(as_filter(dict(address.query)), readable)
    tasks = await scan(inspect.newest_tasks, chosen, TASKS_SHOWN)
    return {"queues": queues, "total": total_of(queues), "tasks": tasks}


PUBLISHED = View(path="/", template="", here="", load=load, parts=("cards", "table"), is_narrowed=True)

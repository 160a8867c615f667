"""The first page: what there is and how it goes."""

from typing import Any

from lapinq_api.dashboard.view import Asked, View
from lapinq_api.state import State
from lapinq_core.queue import inspect
from lapinq_core.queue.inspect import QueueCounts

_STATUSES = QueueCounts.__struct_fields__[1:]


async def load(state: State, asked: Asked) -> dict[str, Any]:
    del asked
    queues = await state.database.run(inspect.count_queues)
    return {"queues": queues, "total": total_of(queues)}


def total_of(queues: list[QueueCounts]) -> dict[str, int]:
    """All queues together, by status."""
    return {status: sum(getattr(queue, status) for queue in queues) for status in _STATUSES}


VIEW = View(
    path="/",
    template="overview.html",
    here="overview",
    load=load,
    parts=("overview-totals", "overview-queues"),
)

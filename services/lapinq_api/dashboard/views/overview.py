"""The overview: counts, rates and alerts."""

from typing import Any

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.state import State
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.figures import Window
from lapinq_core.figures import alerts, rollups
from lapinq_core.lookup import measure
from lapinq_core.lookup.overview import MAX_QUEUES, fullest, total_of
from lapinq_core.tasks import inspect


async def load(state: State, address: PageAddress) -> dict[str, Any]:
    window = _window(address.query.get("window", Window.HOUR))
    scan = state.database.scan
    queues = await scan(inspect.count_queues)
    shown = fullest(queues, MAX_QUEUES)  # the page of queues lists all
    return {
        "window": window,
        "windows": list(Window),
        "queues": shown,
        "left_out": len(queues) - len(shown),
        "total": total_of(queues),
        "since": await scan(measure.waiting_since, [queue.queue_name for queue in shown if queue.pending]),
        "rates": await scan(rollups.rates),
        "series": await scan(rollups.series, window),
        "alerts": await scan(alerts.current),
    }


def _window(text: str) -> Window:
    if text not in set(Window):
        raise InvalidValue("window", f"must be one of {', '.join(Window)}")
    return Window(text)


VIEW = View(
    path="/",
    template="overview.html",
    here="overview",
    load=load,
    parts=("overview-alerts", "overview-totals", "overview-charts", "overview-queues"),
    parameters=frozenset({"window"}),
)

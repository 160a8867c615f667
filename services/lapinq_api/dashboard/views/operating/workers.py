"""The workers: their health, their tasks, and the requests that operators can make."""

from heapq import nlargest
from operator import attrgetter
from typing import Any

import psycopg

from lapinq_api.batching.long_windows import LongWindows
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.views.operating.overview import USUAL_KEPT
from lapinq_api.state import State
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.figures import task_rollups
from lapinq_core.fleet import operators

COMPARED_SECONDS = 30
"""A task that runs for longer is compared with how long such tasks usually run."""
MAX_COMPARED = 20


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del address, readable
    return await state.database.scan(_read, state.long_windows)


async def _read(conn: psycopg.AsyncConnection, long: LongWindows) -> dict[str, Any]:
    fleet = await operators.list_workers(conn)
    longest = {
        task.id: (task.queue_name, task.task_name)
        for task in nlargest(
            MAX_COMPARED, (worker.tasks[0] for worker in fleet.workers if worker.tasks), _seconds
        )
        if task.task_name is not None and task.seconds > COMPARED_SECONDS
    }
    known = await long.hold(USUAL_KEPT, task_rollups.usual, conn, frozenset(longest.values()))
    return {
        "fleet": fleet,
        "usual": {worker: known[name] for worker, name in longest.items() if name in known},
    }


_seconds = attrgetter("seconds")


VIEW = View(
    path="/workers",
    template="workers.html",
    here="workers",
    load=load,
    parts=("workers-table",),
    is_list=True,
)

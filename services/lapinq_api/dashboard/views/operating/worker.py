"""One worker: how it is, what it runs, what it ran, and what operators asked of it.

Where only its name is known, as in a group of errors, the name in the path means its latest boot.
"""

from http import HTTPStatus
from typing import Any

import psycopg

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.fleet import operators, worker_names
from lapinq_core.fleet.operators import WorkerDetails
from lapinq_core.lookup.search.search import Found, Search, search
from lapinq_core.people import audit
from lapinq_core.people.audit import Recorded
from lapinq_core.people.audit_filters import AuditFilter

MAX_ENDED = 20
MAX_REQUESTS = 10
SEARCH_SECONDS = 0.02


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del readable
    named = address.params["id"]
    check_name("id", named)
    known = await state.database.scan(worker_names.find, named)
    if known is None:
        raise Refused(HTTPStatus.NOT_FOUND, "this worker has shut down, or died more than a day ago")
    worker, found, requests = await state.database.scan(_read, known.id)
    return {
        "worker_id": known.id,
        "worker": worker,
        "ended": [task for task in found.tasks if task.status is not Status.RUNNING][:MAX_ENDED],
        "looked_back_to": found.looked_back_to,
        "requests": requests,
    }


async def _read(
    conn: psycopg.AsyncConnection, worker_id: str
) -> tuple[WorkerDetails | None, Found, list[Recorded]]:
    """The worker is None once it has shut down, or has been dead for a day."""
    worker = await operators.get_worker(conn, worker_id)
    running = worker.task_count if worker else 0
    found = await search(
        conn, Search(worker=worker_id), MAX_ENDED + min(running, operators.MAX_TASKS), seconds=SEARCH_SECONDS
    )
    requests, _ = await audit.list_entries(conn, AuditFilter(target=worker_id), MAX_REQUESTS)
    return worker, found, requests


VIEW = View(
    path="/workers/{id}",
    template="worker.html",
    here="workers",
    load=load,
    parts=("worker-head", "worker-running", "worker-ended", "worker-requests"),
)

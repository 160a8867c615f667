"""One key of tasks: what runs, waits and failed of it, in all queues, and which rules hold it back."""

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import psycopg

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.task_list.arguments_preview import preview
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.queue_filter import Readable, includes, narrowed
from lapinq_core.domain.tasks.key import check_key
from lapinq_core.domain.tasks.shown_state import DELAYED, states_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.lookup import keys
from lapinq_core.lookup.search.search import SEARCH_SECONDS, Search, search
from lapinq_core.tasks import inspect
from lapinq_core.tasks.filters import in_states

MAX_TASKS = 10


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    key, queue = address.query.get("name", ""), address.query.get("queue")
    check_key("name", key)
    if queue is not None:
        check_name("queue", queue)
        if not includes(readable, queue):
            raise Refused(HTTPStatus.FORBIDDEN, f"you may not read the queue {queue}")
    wanted: Readable = readable if queue is None else {queue}
    delayed, failed = (
        narrowed(in_states(Search(key=key, queue=queue), states), readable)
        for states in (DELAYED, states_of(Status.FAILED))
    )
    scan = state.database.scan
    found, delayed, failed = await asyncio.gather(
        scan(_read, key, wanted),
        scan(search, delayed, MAX_TASKS, seconds=SEARCH_SECONDS),
        scan(search, failed, MAX_TASKS, seconds=SEARCH_SECONDS),
    )
    filters = {"key": key} | ({} if queue is None else {"queue": queue})
    return {
        "key": key,
        "queue": queue,
        "delayed": delayed,
        "failed": failed,
        "preview": preview,
        "query": urlencode(filters),
        **found,
    }


async def _read(conn: psycopg.AsyncConnection, key: str, readable: Readable) -> dict[str, Any]:
    places = await keys.places_of(conn, key, readable)
    tasks = await keys.tasks_of(conn, key, [place.queue for place in places], MAX_TASKS)
    lines = {task.id: task for task in await inspect.task_lines(conn, [*tasks.running, *tasks.waiting])}
    return {
        "places": places,
        "limits": tasks.limits,
        # Some may have ended in between.
        "running": [lines[task] for task in tasks.running if task in lines],
        "waiting": [lines[task] for task in tasks.waiting if task in lines],
    }


VIEW = View(
    path="/key",
    template="key.html",
    here="tasks",
    load=load,
    is_narrowed=True,
    parts=("key-places", "key-tasks"),
    parameters=frozenset({"name", "queue"}),
    is_list=True,
)

"""One group of errors: an example, how often it happens, where, and what can be done about it."""

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import psycopg

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.error_tasks import filter_of
from lapinq_api.dashboard.parts.failure_bars import failure_bars
from lapinq_api.dashboard.parts.task_list.task_query import read_search
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.query import whole_number
from lapinq_core.domain.error_groups import MAX_GROUPS_OF_TASK
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.error_groups import groups, trends
from lapinq_core.error_groups.groups import ErrorGroup
from lapinq_core.lookup.breakdown import break_down
from lapinq_core.lookup.search.search import search
from lapinq_core.tasks import inspect
from lapinq_core.tasks.queues import MAX_REASON

SEARCH_SECONDS = 0.025
TASKS_LOOKED_AT = 200
TASKS_SHOWN = 10


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    number = whole_number("id", address.params["id"], 0, lowest=1, highest=groups.MAX_ID)
    scan = state.database.scan
    group = await scan(groups.get, number)
    if group is None or not includes(readable, group.queue_name):
        raise Refused(HTTPStatus.NOT_FOUND, "there is no group of errors with this id")
    now = datetime.now(UTC)
    tasks = filter_of(group)
    found, (day, month, has_sample, around) = await asyncio.gather(
        scan(search, read_search(tasks, now), TASKS_LOOKED_AT, seconds=SEARCH_SECONDS),
        scan(_look, group, readable),
    )
    breakdown = await scan(break_down, [task.id for task in found.tasks])
    return {
        "group": group,
        "tasks": urlencode(tasks),
        "found": found,
        "tasks_shown": TASKS_SHOWN,
        "breakdown": breakdown,
        "has_sample": has_sample,
        **around,
        "charts": [
            ("day", failure_bars(day, trends.FINE_DAY, now)),
            ("month", failure_bars(month, trends.MONTH, now)),
        ],
        "most_of_task": MAX_GROUPS_OF_TASK,
        "max_reason": MAX_REASON,
    }


async def _look(
    conn: psycopg.AsyncConnection, group: ErrorGroup, readable: Readable
) -> tuple[trends.Trend, trends.Trend, bool, dict[str, Any]]:
    day = (await trends.trends(conn, [group.id], trends.FINE_DAY))[group.id]
    month = (await trends.trends(conn, [group.id], trends.MONTH))[group.id]
    sample = group.sample_task and await inspect.get_names(conn, group.sample_task)
    around = {
        "merged": await groups.merged_into(conn, group.id),
        "mergeable": [] if group.is_rest else await groups.beside(conn, group),
        "elsewhere": await groups.elsewhere(conn, group, readable),
    }
    return day, month, bool(sample), around


VIEW = View(
    path="/errors/{id}",
    template="error.html",
    here="errors",
    load=load,
    is_narrowed=True,
    parts=("error-head", "error-facts", "error-spread", "error-tasks"),
)

"""Failed tasks, grouped by queue, task and kind of error, for working through after an incident."""

from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import msgspec

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.task_query import check_text
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.lookup.failures import FailedGroup, groups
from lapinq_core.tasks import inspect
from lapinq_core.tasks.filters import literally


class Line(msgspec.Struct, frozen=True):
    """A group, its query string for the task list and bulk calls, and its unique key.

    `query` is None for errors without text, for which there is no filter.
    """

    group: FailedGroup
    query: str | None
    key: str


async def load(state: State, address: PageAddress) -> dict[str, Any]:
    queue, task_name = address.query.get("queue"), address.query.get("task_name")
    if queue is not None:
        check_name("queue", queue)
    if task_name is not None:
        check_text("task_name", task_name)
    pattern = None if task_name is None else literally(task_name)
    found = await state.database.scan(groups, queue, pattern)
    queues = await state.database.scan(inspect.count_queues)
    return {
        **_form(address),
        "problem": None,
        "queues": [one.queue_name for one in queues if one.failed or one.queue_name == queue],
        "found": found,
        "lines": [_line(group) for group in found.groups],
        "is_filtered": bool(address.query),
    }


def on_invalid(address: PageAddress, problem: str) -> dict[str, Any]:
    """The form as submitted."""
    return {**_form(address), "problem": f"{problem}.", "queues": []}


def _form(address: PageAddress) -> dict[str, Any]:
    return {"filters": address.query, "may": Permission}


def _line(group: FailedGroup) -> Line:
    chosen = {
        "queue": group.queue_name,
        "status": Status.FAILED,
        "name": group.task_name,
        "error_kind": group.kind,
    }
    # A hash of what identifies the group, short enough for an element's id.
    key = sha256("\0".join((group.queue_name, group.task_name, group.kind)).encode()).hexdigest()[:16]
    return Line(group, urlencode(chosen) if group.kind else None, key)


VIEW = View(
    path="/failed",
    template="failed.html",
    here="errors",
    load=load,
    parts=("failed-groups",),
    is_list=True,
    parameters=frozenset({"queue", "task_name"}),
    on_invalid=on_invalid,
)

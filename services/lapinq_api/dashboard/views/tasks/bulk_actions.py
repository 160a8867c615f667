"""The changes to many tasks that go on without their page, and those that have ended, newest first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.task_list import search_syntax
from lapinq_api.dashboard.parts.task_list.task_query import TIMES, unescaped
from lapinq_api.operations.filters.task_values import cursor_after, read_cursor
from lapinq_api.operations.paging import DEFAULT_LIMIT
from lapinq_api.state import State
from lapinq_api.wire.query import moment
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.tasks import bulk_actions

MAX_NOTED = 3
"""How many of those that have not ended are told above the list of tasks."""
_MOVED = frozenset({"status", "state", *TIMES})
"""Filters that no longer find the tasks once they have changed."""


class Chosen(msgspec.Struct, frozen=True):
    """A filter in the words of the search box; `at` is its time, if it has one."""

    key: str
    text: str
    at: datetime | None


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    found, last = await state.database.scan(
        bulk_actions.list_actions,
        DEFAULT_LIMIT,
        readable=readable,
        before=read_cursor(address.query.get(CURSOR)),
    )
    return {
        "actions": found,
        "links": page_links(address.query, None if last is None else cursor_after(last)),
        **HOW_TO_SHOW,
    }


async def load_active(state: State, readable: Readable) -> dict[str, Any]:
    """Those that have not ended, for a note on another page."""
    found, more = await state.database.scan(
        bulk_actions.list_actions, MAX_NOTED, readable=readable, is_active=True
    )
    return {"active": found, "has_more_active": more is not None, **HOW_TO_SHOW}


def _chosen(filters: Mapping[str, str]) -> list[Chosen]:
    return [
        Chosen(
            search_syntax.KEY_OF.get(name, name),
            unescaped(name, text),
            moment(name, text) if name in TIMES else None,
        )
        for name, text in filters.items()
    ]


def _tasks(filters: Mapping[str, str]) -> str:
    return urlencode({name: unescaped(name, text) for name, text in filters.items() if name not in _MOVED})


HOW_TO_SHOW = {"permission_for": bulk_actions.PERMISSIONS, "chosen_by": _chosen, "tasks_of": _tasks}
"""What the template of an action needs."""

VIEW = View(
    path="/bulk-actions",
    template="bulk-actions.html",
    here="tasks",
    load=load,
    is_narrowed=True,
    parts=("bulk-actions-list",),
    is_list=True,
    parameters=frozenset({CURSOR}),
)

"""The list of workflows."""

from typing import Any, get_args

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.operations.filters.task_values import cursor_after, read_cursor
from lapinq_api.operations.paging import DEFAULT_LIMIT
from lapinq_api.state import State
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.workflows import reading
from lapinq_core.workflows.reading import WorkflowStatus

_STATUSES: tuple[WorkflowStatus, ...] = get_args(WorkflowStatus)


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del readable
    name, status = address.query.get("name"), address.query.get("status")
    if name is not None:
        check_name("name", name)
    if status is not None and status not in _STATUSES:
        raise InvalidValue("status", f"must be one of {', '.join(_STATUSES)}")
    found = await state.database.scan(
        reading.list_workflows,
        name=name,
        status=status,
        before=read_cursor(address.query.get(CURSOR)),
        limit=DEFAULT_LIMIT + 1,
    )
    shown = found[:DEFAULT_LIMIT]
    return {
        "workflows": shown,
        "statuses": _STATUSES,
        "filters": address.query,
        "links": page_links(address.query, cursor_after(shown[-1].id) if len(found) > len(shown) else None),
    }


VIEW = View(
    path="/workflows",
    template="workflows.html",
    here="workflows",
    load=load,
    parts=("workflows-list",),
    is_list=True,
    parameters=frozenset({"name", "status", CURSOR}),
)

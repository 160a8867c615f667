"""Filters of tasks: the query parameters of lists and bulk calls, and reading them.

They are those of the dashboard's search, so a call can name exactly the tasks that a search shows, on all its pages.
"""

import msgspec

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.operations.filters.task_values import (
    CURSOR,
    MAX_TEXT,
    check_kind,
    ids_beginning_with,
    read_cursor,
    read_status,
    read_text,
    read_worker_id,
)
from lapinq_api.operations.paging import LIMIT, cursor_parameter
from lapinq_api.wire.query import moment
from lapinq_core.domain.ids import BEGIN_OF_ID
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.lookup.search import Search, as_filter
from lapinq_core.tasks.filters import TaskFilter, containing, pattern_of


def read_page(query: dict[str, str]) -> TaskFilter:
    """The filter in `query`, from its cursor on. Raises `InvalidValue`."""
    return msgspec.structs.replace(read_filter(query), before=read_cursor(query.get("cursor")))


def read_filter(query: dict[str, str]) -> TaskFilter:
    """The filter in `query`. Raises `InvalidValue`."""
    for name in ("queue", "task_name", "name"):
        if name in query:
            check_name(name, query[name])
    if (worker := query.get("worker")) is not None:
        worker = read_worker_id(worker)
    if (kind := query.get("error_kind")) is not None:
        check_kind(kind)
    first, last = ids_beginning_with(query["id"]) if "id" in query else (None, None)
    return as_filter(
        with_pattern(
            Search(
                queue=query.get("queue"),
                status=read_status(query.get("status")),
                task_name=containing(query["task_name"]) if "task_name" in query else None,
                name=query.get("name"),
                args=read_text("args", query),
                result=read_text("result", query),
                error=read_text("error", query),
                error_kind=kind,
                worker=worker,
                first=first,
                last=last,
                since=moment("since", query.get("since")),
                until=moment("until", query.get("until")),
            )
        )
    )


def with_pattern(chosen: Search) -> Search:
    """The same search with a pattern for its kind of error: a pattern rules out most other errors faster."""
    if chosen.error_kind is None or chosen.error is not None:
        return chosen
    return msgspec.structs.replace(chosen, error=pattern_of(chosen.error_kind))


_TEXT_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": "^[^\\u0000]*$"}

STATUS = Parameter(
    name="status", description="Only this status.", schema={"type": "string", "enum": list(Status)}
)
FILTERS = (
    Parameter(name="queue", description="Only this queue.", schema=NAME_SCHEMA),
    Parameter(
        name="task_name",
        description="Only task names that contain this, ignoring case (ILIKE).",
        schema=NAME_SCHEMA,
    ),
    Parameter(name="name", description="Only tasks with exactly this name.", schema=NAME_SCHEMA),
    Parameter(
        name="args",
        description="Only tasks whose positional arguments contain this as JSON text (ILIKE).",
        schema=_TEXT_SCHEMA,
    ),
    Parameter(
        name="result",
        description="Only tasks whose result contains this as JSON text (ILIKE).",
        schema=_TEXT_SCHEMA,
    ),
    Parameter(name="error", description="Only tasks whose error contains this (ILIKE).", schema=_TEXT_SCHEMA),
    Parameter(
        name="error_kind",
        description=(
            "Only tasks that ended with an error whose first line equals this, after every number, id and"
            " quoted part is replaced by `*`."
        ),
        schema=_TEXT_SCHEMA,
    ),
    Parameter(
        name="id",
        description="Only tasks whose id starts with this.",
        schema={"type": "string", "pattern": f"^({BEGIN_OF_ID})$"},
    ),
    Parameter(
        name="worker",
        description="Only tasks that this worker runs or ran last.",
        schema={"type": "string", "format": "uuid"},
    ),
    Parameter(
        name="since",
        description="Only tasks enqueued at or after this time.",
        schema={"type": "string", "format": "date-time"},
    ),
    Parameter(
        name="until",
        description="Only tasks enqueued before this time.",
        schema={"type": "string", "format": "date-time"},
    ),
)
"""All filters except the status, which some calls fix."""
PAGE = (LIMIT, cursor_parameter(CURSOR))

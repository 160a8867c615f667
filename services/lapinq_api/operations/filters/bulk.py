"""Filters of bulk operations: those of lists, and the others that the dashboard's search knows.

So a bulk call can name exactly the tasks that a search shows, on all its pages.
"""

import re
from uuid import UUID

import msgspec

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.operations.filters.task import (
    ARGS,
    BEGIN_OF_ID,
    ERROR,
    MAX_TEXT,
    QUEUE,
    RESULT,
    TASK_NAME,
    TEXT_SCHEMA,
    ids_beginning_with,
    read_filter,
)
from lapinq_api.wire.query import moment
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.lookup.search import Search, as_filter
from lapinq_core.tasks.filters import TaskFilter, pattern_of


def read_bulk_filter(query: dict[str, str]) -> TaskFilter:
    """The filter in `query`. Raises `InvalidValue`."""
    chosen = read_filter(query)
    if (name := query.get("name")) is not None:
        check_name("name", name)
    if (worker := query.get("worker")) is not None:
        worker = read_worker_id(worker)
    if (kind := query.get("error_kind")) is not None:
        check_kind(kind)
    first, last = ids_beginning_with(query["id"]) if "id" in query else (None, None)
    return as_filter(
        with_pattern(
            Search(
                queue=chosen.queue,
                status=chosen.status,
                task_name=chosen.task_name,
                name=name,
                args=chosen.args,
                result=chosen.result,
                error=chosen.error,
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


def read_worker_id(text: str) -> str:
    """A worker's id. Raises `InvalidValue`."""
    if not _ID.fullmatch(text):
        raise InvalidValue("worker", "must be a worker's id")
    return str(UUID(text))


def check_kind(text: str) -> None:
    """Raises `InvalidValue` if `text` cannot be a kind of error."""
    if not 1 <= len(text) <= MAX_TEXT or "\0" in text:
        raise InvalidValue("error_kind", f"must have 1 to {MAX_TEXT} characters and no NUL")


_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")

FILTERS = (
    QUEUE,
    TASK_NAME,
    Parameter(name="name", description="Only tasks with exactly this name.", schema=NAME_SCHEMA),
    ARGS,
    RESULT,
    ERROR,
    Parameter(
        name="error_kind",
        description=(
            "Only tasks that ended with an error whose first line equals this, after every number, id and"
            " quoted part is replaced by `*`."
        ),
        schema=TEXT_SCHEMA,
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

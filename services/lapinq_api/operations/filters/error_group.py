"""Filters of groups of errors, read from a query string."""

from collections.abc import Mapping

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.operations.filters.task_values import MAX_TEXT
from lapinq_api.operations.paging import read_number
from lapinq_core.domain.error_groups import GroupState
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.error_groups.groups import GroupFilter

STATE = Parameter(
    name="state", description="Only this state.", schema={"type": "string", "enum": list(GroupState)}
)
QUEUE = Parameter(name="queue", description="Only errors of tasks in this queue.", schema=NAME_SCHEMA)
TASK_NAME = Parameter(
    name="task_name",
    description="Only errors of tasks whose name contains this text, ignoring case.",
    schema={"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
)
TYPE = Parameter(
    name="type",
    description="Only errors of exactly this type: what the kind has before its first colon.",
    schema={"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
)


def read_filter(query: Mapping[str, str]) -> GroupFilter:
    """The filter in `query`, with its cursor. Raises `InvalidValue`."""
    state, queue, part, type_ = (query.get(key) for key in ("state", "queue", "task_name", "type"))
    if state is not None and state not in set(GroupState):
        raise InvalidValue("state", f"must be one of {', '.join(GroupState)}")
    if queue is not None:
        check_name("queue", queue)
    for name, text in (("task_name", part), ("type", type_)):
        if text is not None and (not 1 <= len(text) <= MAX_TEXT or "\0" in text):
            raise InvalidValue(name, f"must have 1 to {MAX_TEXT} characters and no NUL")
    return GroupFilter(
        states=(GroupState(state),) if state else None,
        queue=queue,
        part=part,
        type=type_,
        before=read_number(query),
    )

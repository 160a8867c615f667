"""Filters of webhooks, read from a query string."""

from collections.abc import Mapping

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.operations.filters.task_values import BEGIN_OF_ID, ids_beginning_with
from lapinq_api.operations.paging import read_number
from lapinq_api.operations.task_path import read_id
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.domain.webhooks.webhook import WebhookState
from lapinq_core.webhooks.deliveries import WebhookFilter

STATE = Parameter(
    name="state", description="Only this state.", schema={"type": "string", "enum": list(WebhookState)}
)
TASK_ID = Parameter(
    name="task_id", description="Only webhooks of this task.", schema={"type": "string", "format": "uuid"}
)
QUEUE = Parameter(name="queue", description="Only webhooks of tasks in this queue.", schema=NAME_SCHEMA)

ID = Parameter(
    name="id",
    description="Only webhooks whose id starts with this.",
    schema={"type": "string", "pattern": f"^({BEGIN_OF_ID})$"},
)


def read_filter(query: Mapping[str, str]) -> WebhookFilter:
    """The filter in `query`, with its cursor. Raises `InvalidValue`."""
    state, queue, task = (query.get(key) for key in ("state", "queue", "task_id"))
    if state is not None and state not in set(WebhookState):
        raise InvalidValue("state", f"must be one of {', '.join(WebhookState)}")
    if queue is not None:
        check_name("queue", queue)
    first, last = ids_beginning_with(query["id"], "an event's id") if "id" in query else (None, None)
    return WebhookFilter(
        state=WebhookState(state) if state else None,
        queue=queue,
        task_id=None if task is None else read_id("task_id", task, "a task id"),
        first=first,
        last=last,
        before=read_number(query),
    )

"""Lists the steps and waits of a durable task."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, require_read, require_sight
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.paging import CURSOR_HEADERS, MAX_LISTED, NUMBER_CURSOR, next_number, read_number
from lapinq_api.operations.task_path import TASK_ID, links_to_task, task_id, unknown_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import whole_number
from lapinq_core.domain.requests.values import Id, doc
from lapinq_core.domain.tasks.durable.calls import MAX_STEPS
from lapinq_core.domain.tasks.durable.messages import Kind
from lapinq_core.durable.reading import MAX_PAGE_STEPS, list_steps
from lapinq_core.tasks import inspect


class StepObject(msgspec.Struct, kw_only=True):
    """A step or a wait of a durable task. Times are in UTC."""

    name: Annotated[
        str,
        doc(
            "As the task calls it; of a wait, what it waits for, if the caller may see it.", example="charge"
        ),
    ]
    occurrence: Annotated[int, doc("How many of this name the task called before.")]
    kind: Annotated[Kind, doc("Task: a wait for the end of another. Spawn: it enqueued one.")]
    status: Annotated[
        Literal["waiting", "completed", "timed_out", "failed"],
        doc("Failed: the task that it waited for has no result."),
    ]
    result: Annotated[
        str | None,
        doc(
            "What it gave, as JSON text; of a failed one, the other task's error. Null if the caller may not read the"
            " other task's queue.",
            example='"done"',
        ),
    ]
    started_at: datetime
    ended_at: Annotated[datetime | None, doc("Null while it waits.")]
    attempt: Annotated[
        int, doc("The attempt that stored it, or that waits; 0 if a rerun took it over from an earlier task.")
    ]
    due_at: Annotated[datetime | None, doc("When the sleep, or the time to wait, is over.")]
    signals: Annotated[
        list[str] | None, doc("The names that it waits for; once it has ended, the one that came.")
    ]
    task_id: Annotated[
        Id | None,
        doc("The task that it waits for, or that it spawned; null if the caller may not read its queue."),
    ]
    version: Annotated[str | None, doc("The version of the function that stored it.")]


async def get_steps(state: State, request: Request) -> Response:
    which, query = task_id(request), query_of(request)
    limit = whole_number("limit", query.get("limit"), MAX_PAGE_STEPS, lowest=1, highest=MAX_LISTED)
    skip = read_number(query) or 0
    names = await state.database.run(inspect.get_names, which)
    if names is None:
        raise unknown_task()
    require_sight(request, names.queue_name, unknown_task())
    require_read(request, names.queue_name)
    actor = actor_of(request)
    found, following = await state.database.scan(
        list_steps, which, readable=actor.queues, skip=skip, limit=limit
    )
    view = state.payloads.for_(actor)
    shown = [
        # What another task gave is masked as in its own queue.
        await view.encoded(one.text, one.other_queue if one.is_about_another else names.queue_name)
        for one in found
    ]
    return Json(b"[%b]" % b",".join(shown), headers=next_number(following))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}/steps",
        handler=get_steps,
        needs=Needs.READ_OF_QUEUE,
        tag="durable tasks",
        summary="List the steps and waits of a durable task",
        description=f"In the order in which they began. A task has at most {MAX_STEPS:,}.",
        parameters=(
            TASK_ID,
            Parameter(
                name="limit",
                description="Maximum number of entries; fewer come if they are large.",
                schema={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_LISTED,
                    "default": MAX_PAGE_STEPS,
                },
            ),
            NUMBER_CURSOR,
        ),
        answers={
            200: Answer(
                description="The steps and waits; none if the task has none.",
                body=list[StepObject],
                headers=CURSOR_HEADERS,
                links=links_to_task("$response.body#/0/task_id"),
            )
        },
        errors={404: "There is no task with this id."},
    ),
)

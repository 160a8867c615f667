"""Explains why a task is not running, or how it ended."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.operations.task_path import TASK_ID, task_id, unknown_task
from lapinq_api.operations.task_permission import require_read_of_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.lookup.why.explanation import Explanation, explain


async def explain_task(state: State, request: Request) -> Response:
    which = task_id(request)
    await require_read_of_task(state, request, which)
    found = await state.database.scan(explain, which, names_parents=actor_of(request).queues is None)
    if found is None:
        raise unknown_task()
    return Json(found)


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}/why",
        handler=explain_task,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="Explain why a task is not running",
        description="Also how it ended, or which worker runs it.",
        parameters=(TASK_ID,),
        answers={200: Answer(description="Why, and what to do about it.", body=Explanation)},
        errors={404: "There is no task with this id."},
    ),
)

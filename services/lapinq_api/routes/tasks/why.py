"""Explains why a task is not running, or how it ended."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.operations.task_path import TASK_ID, task_id, unknown_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.lookup.explanation import Explanation, explain


async def explain_task(state: State, request: Request) -> Response:
    found = await state.database.scan(explain, task_id(request))
    if found is None:
        raise unknown_task()
    return Json(found)


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}/why",
        handler=explain_task,
        needs=Needs.READ,
        tag="tasks",
        summary="Explain why a task is not running",
        description="Also how it ended, or which worker runs it.",
        parameters=(TASK_ID,),
        answers={200: Answer(description="Why, and what to do about it.", body=Explanation)},
        errors={404: "There is no task with this id."},
    ),
)

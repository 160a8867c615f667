"""Returns a task's result, immediately or as soon as it ends."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import recheck
from lapinq_api.operations.bodies.objects import ResultObject
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.shown_payloads import about_task
from lapinq_api.operations.task_path import TASK_ID, task_id, unknown_task
from lapinq_api.operations.task_permission import require_read_of_task
from lapinq_api.overload.fair_share import CALLER
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import seconds
from lapinq_core.domain.requests.refusals import NOT_FINISHED
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import inspect

MAX_WAIT_SECONDS = 60


class NotFinished(msgspec.Struct):
    """The task has no result yet."""

    error: str
    status: Status


async def get_result(state: State, request: Request) -> Response:
    which = task_id(request)
    wait = seconds("wait", query_of(request).get("wait"), highest=MAX_WAIT_SECONDS)
    await require_read_of_task(state, request, which)
    if wait:
        with state.waits.hold(CALLER.get()):
            found = await state.waiting.result(which, wait, lambda: _gone(request))
        await recheck(request.scope)
        await require_read_of_task(state, request, which)
    else:
        found = await state.database.run(inspect.get_result, which)
    if found is None:
        raise unknown_task()
    status, result = found
    if status not in FINAL:
        return Json(NotFinished(NOT_FINISHED, status))
    return Json(await about_task(state, request, which, result))


async def _gone(request: Request) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}/result",
        handler=get_result,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="Get a task's result, optionally waiting for it",
        parameters=(
            TASK_ID,
            Parameter(
                name="wait",
                description="How many seconds to wait for the task to end.",
                schema={"type": "number", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0},
            ),
        ),
        answers={
            200: Answer(
                description="The result, or that the task has not ended.", body=ResultObject | NotFinished
            )
        },
        errors={404: "There is no task with this id."},
    ),
)

"""Returns what one attempt logged, as text."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.operations.task_path import TASK_ID, task_id, unknown_attempt
from lapinq_api.operations.task_permission import require_read_of_task
from lapinq_api.state import State
from lapinq_api.wire.query import moment
from lapinq_core.lookup import task_detail


async def get_attempt_log(state: State, request: Request) -> Response:
    which, started_at = task_id(request), moment("started_at", request.path_params["started_at"])
    await require_read_of_task(state, request, which)
    assert started_at is not None
    found = await state.database.run(task_detail.get_log, which, started_at)
    if found is None:
        raise unknown_attempt()
    if found.is_running:
        state.watched.wake([which])
    return Response(
        found.text,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        media_type="text/plain",
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}/attempts/{started_at}/log",
        handler=get_attempt_log,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="Get the log of an attempt",
        description=(
            "All lines that are kept, oldest first. Where earlier ones were left out, the first line says how many."
            " Of a running attempt the latest lines, a few seconds behind."
        ),
        parameters=(
            TASK_ID,
            Parameter(
                name="started_at",
                where="path",
                description=(
                    "When the attempt started, as in the list of attempts. Numbers are used again after a requeue."
                ),
                schema={"type": "string", "format": "date-time"},
            ),
        ),
        answers={200: Answer(description="The lines; empty if it logged none.", media_type="text/plain")},
        errors={404: "The task has no attempt that started then."},
    ),
)

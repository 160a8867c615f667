"""Looking at queues."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.codec import Json
from lapinq_api.endpoint import Answer, Needs, Operation
from lapinq_api.state import State
from lapinq_core.queue import inspect
from lapinq_core.queue.inspect import QueueCounts


async def list_queues(state: State, request: Request) -> Response:
    return Json(await state.database.run(inspect.count_queues))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/queues",
        handler=list_queues,
        needs=Needs.READ,
        tag="queues",
        summary="Tasks by queue and status",
        answers={200: Answer(description="Every queue that has tasks.", body=list[QueueCounts])},
    ),
)

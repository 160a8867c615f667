"""What happens now: rates, percentiles, queues, workers and the longest running tasks."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import readable_queues, require_read
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import whole_number
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.lookup.overview import Overview, overview

DEFAULT_MINUTES = 5
MAX_MINUTES = 60


async def get_overview(state: State, request: Request) -> Response:
    query = query_of(request)
    minutes = whole_number("minutes", query.get("minutes"), DEFAULT_MINUTES, lowest=1, highest=MAX_MINUTES)
    if (queue := query.get("queue")) is not None:
        check_name("queue", queue)
        require_read(request, queue)
    return Json(await state.database.scan(overview, minutes, queue, readable_queues(request)))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/overview",
        handler=get_overview,
        needs=Needs.READ_OF_QUEUE,
        tag="queues",
        summary="Get rates, percentiles, queues, workers and the longest running tasks",
        description="It contains no payloads, and its cost does not depend on how many tasks have ended.",
        parameters=(
            Parameter(
                name="minutes",
                description="Minutes that rates and percentiles cover, up to now.",
                schema={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_MINUTES,
                    "default": DEFAULT_MINUTES,
                },
            ),
            Parameter(
                name="queue",
                description="Only this queue, the tasks in it and the workers that serve it.",
                schema=NAME_SCHEMA,
            ),
        ),
        answers={200: Answer(description="The overview.", body=Overview)},
    ),
)

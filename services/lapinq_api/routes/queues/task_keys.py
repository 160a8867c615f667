"""What there is of one key of tasks, in all queues."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import readable_queues
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.domain.requests.values import KEY_SCHEMA
from lapinq_core.domain.tasks.key import check_key
from lapinq_core.lookup import keys
from lapinq_core.lookup.keys import MOST_COUNTED, MOST_PLACES, KeyPlace


async def get_key(state: State, request: Request) -> Response:
    readable = readable_queues(request)
    key = query_of(request).get("key", "")
    check_key("key", key)
    return Json(await state.database.scan(keys.places_of, key, readable))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/task-keys",
        handler=get_key,
        needs=Needs.READ_OF_QUEUE,
        tag="queues",
        summary="Show the queues in which tasks of a key wait or run",
        description=(
            f"The first {MOST_PLACES} queues by name, with what blocks the key there. Waiting tasks are counted up to"
            f" {MOST_COUNTED}. Delayed tasks and those that ended are found by `GET /api/v1/tasks?key=`."
        ),
        parameters=(Parameter(name="key", description="The key.", schema=KEY_SCHEMA, is_required=True),),
        answers={200: Answer(description="The queues.", body=list[KeyPlace])},
    ),
)

"""Returns what one attempt spent its time on, if that was sampled."""

from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.operations.task_path import TASK_ID, task_id
from lapinq_api.operations.task_permission import require_read_of_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.query import moment
from lapinq_core.domain.tasks.diagnostics.profile import Profile, ProfileError
from lapinq_core.lookup import profiles


class AttemptProfile(Profile, frozen=True, kw_only=True):
    """The profile of an attempt. A frame is its function, file and first line; a stack is the number of samples, and
    its frames as positions in `frames`, outermost first."""

    attempt: int


async def get_attempt_profile(state: State, request: Request) -> Response:
    which, started_at = task_id(request), moment("started_at", request.path_params["started_at"])
    await require_read_of_task(state, request, which)
    try:
        found = await state.database.run(profiles.get_profile, which, started_at=started_at)
    except ProfileError as error:
        raise Refused(HTTPStatus.NOT_FOUND, str(error)) from error
    if found is None:
        raise Refused(
            HTTPStatus.NOT_FOUND, "there is no profile of an attempt of this task that started then"
        )
    attempt, profile = found
    return Json(AttemptProfile(attempt=attempt, **msgspec.structs.asdict(profile)))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}/attempts/{started_at}/profile",
        handler=get_attempt_profile,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="Get the profile of an attempt",
        description="Attempts of tasks that were enqueued with `profile` have one, from soon after their end.",
        parameters=(
            TASK_ID,
            Parameter(
                name="started_at",
                where="path",
                description="When the attempt started, as in the list of attempts.",
                schema={"type": "string", "format": "date-time"},
            ),
        ),
        answers={200: Answer(description="The profile.", body=AttemptProfile)},
        errors={404: "There is no profile of an attempt that started then, or a later version stored it."},
    ),
)

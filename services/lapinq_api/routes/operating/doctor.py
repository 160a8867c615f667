"""The doctor's report on the database, this server's settings and the whole system."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, check, refusal_of
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.doctor.finding import Report
from lapinq_core.domain.accounts.account import Permission


async def doctor(state: State, request: Request) -> Response:
    check(request, _check_may_ask)
    return Json(await state.examinations.report())


def _check_may_ask(request: Request) -> None:
    """The report names sessions, roles and settings of the whole system."""
    actor = actor_of(request)
    if not actor.may(Permission.PAUSE, None):
        raise refusal_of(
            actor, "ask the doctor: that takes an admin or a key with the scope manage for all queues"
        )


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/doctor",
        handler=doctor,
        needs=Needs.PERMISSION,
        tag="server",
        summary="Find out what is wrong, and what to do",
        description=(
            "Checks the database, this server's settings, queues, workers and schedules. Changes nothing. Also works"
            " while the database is unavailable or has no schema: that is a finding. Reports may be two seconds old."
            " Requires an admin, or a key with the scope `manage`."
        ),
        answers={200: Answer(description="The findings, and the checks that found nothing.", body=Report)},
    ),
)

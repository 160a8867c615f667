"""Whether this server can do its work."""

from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.codec import Json
from lapinq_api.endpoint import Answer, Needs, Operation
from lapinq_api.errors import RETRY_AFTER_SECONDS
from lapinq_api.state import State
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.queue import inspect


class Health(msgspec.Struct):
    status: str
    database: str


async def health(state: State, request: Request) -> Response:
    try:
        await state.database.run(inspect.ping)
    except DatabaseUnavailable:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return Json(Health("error", "unavailable"), HTTPStatus.SERVICE_UNAVAILABLE, headers)
    return Json(Health("ok", "connected"))


OPERATIONS = (
    Operation(
        method="GET",
        path="/health",
        handler=health,
        needs=Needs.NOBODY,
        tag="server",
        summary="Whether the server can reach its database",
        answers={200: Answer(description="It can.", body=Health)},
        errors={503: "It can't."},
    ),
)

"""Whether this server can do its work."""

from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.codec import Json
from lapinq_api.endpoint import Endpoint
from lapinq_api.errors import RETRY_AFTER_SECONDS
from lapinq_api.state import State
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.queue import inspect


def routes(state: State) -> list[Route]:
    return [Route("/health", Endpoint(health, state), methods=["GET"])]


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

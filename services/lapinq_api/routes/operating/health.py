"""Liveness, readiness and health of this server."""

from http import HTTPStatus
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import RETRY_AFTER_SECONDS
from lapinq_core.db.errors import DatabaseUnavailable, SchemaNotReady
from lapinq_core.tasks import inspect


class Health(msgspec.Struct):
    """Whether the server works and its database answers."""

    status: Literal["ok", "error"]
    database: Literal["connected", "unavailable"]


async def health(state: State, request: Request) -> Response:
    try:
        await state.database.run(inspect.ping)
    except DatabaseUnavailable:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return Json(Health("error", "unavailable"), HTTPStatus.SERVICE_UNAVAILABLE, headers)
    return Json(Health("ok", "connected"))


class Alive(msgspec.Struct):
    """The server answers."""

    status: Literal["ok"] = "ok"


async def livez(state: State, request: Request) -> Response:
    return Json(Alive())


class Ready(msgspec.Struct):
    """The server is ready for requests."""

    status: Literal["ready"] = "ready"


class Unready(msgspec.Struct):
    """The server is not ready, and why."""

    reason: str
    status: Literal["unready"] = "unready"


async def readyz(state: State, request: Request) -> Response:
    reason = await _why_not_ready(state)
    if reason is None:
        return Json(Ready())
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Json(Unready(reason), HTTPStatus.SERVICE_UNAVAILABLE, headers)


async def _why_not_ready(state: State) -> str | None:
    if state.stopping.is_set():
        return "the server is stopping"
    try:
        await state.database.run(inspect.ping)
    except SchemaNotReady as error:
        return str(error)
    except DatabaseUnavailable:
        # Not the driver's message: it would say where the database is.
        return "the database is unavailable or did not answer in time"
    return None


OPERATIONS = (
    Operation(
        method="GET",
        path="/health",
        handler=health,
        needs=Needs.NOBODY,
        tag="server",
        summary="Check whether the server reaches its database",
        answers={
            200: Answer(description="The database is reachable.", body=Health),
            503: Answer(description="The database is unavailable.", body=Health),
        },
    ),
    Operation(
        method="GET",
        path="/livez",
        handler=livez,
        needs=Needs.NOBODY,
        tag="server",
        summary="Check whether the server is alive",
        description="Never asks the database. Use it to restart a server that hangs.",
        answers={200: Answer(description="The process responds.", body=Alive)},
    ),
    Operation(
        method="GET",
        path="/readyz",
        handler=readyz,
        needs=Needs.NOBODY,
        tag="server",
        summary="Check whether the server is ready for requests",
        description="Ready once the schema exists and the database answers, until the server shuts down.",
        answers={
            200: Answer(description="Ready for requests.", body=Ready),
            503: Answer(
                description="Not ready.",
                body=Unready,
                headers={"Retry-After": "Seconds to wait before the next try."},
            ),
        },
    ),
)

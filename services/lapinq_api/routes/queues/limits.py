"""Named limits: list, get, set, open, delete."""

from datetime import datetime
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of, require
from lapinq_api.operations.bodies.limit_request import LimitRequest, read_limit
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.brief import BRIEF, readable
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.domain.tasks.limit_rules import LIMIT_NAME_PATTERN, MAX_LIMIT_NAME, check_limit_name
from lapinq_core.limits import named_limits
from lapinq_core.limits.named_limits import NamedLimit, TooManyLimits

_NAME = Parameter(
    name="name",
    where="path",
    description="The limit's name.",
    schema={
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_LIMIT_NAME,
        "pattern": LIMIT_NAME_PATTERN,
        "examples": ["openai"],
    },
)


class LimitStatus(msgspec.Struct):
    """A limit as far as a key without the scope `read` is told."""

    name: str
    closed_until: datetime | None


async def list_limits(state: State, request: Request) -> Response:
    return Json(await state.database.scan(named_limits.list_limits))


async def get_limit(state: State, request: Request) -> Response:
    found = await state.database.scan(named_limits.get_limit, _name(request))
    if found is None:
        raise await _unknown(state, request)
    return Json(found)


async def set_limit(state: State, request: Request) -> Response:
    name = _name(request)
    require(request, Permission.PAUSE, None)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    max_running, rate = read_limit(body)
    try:
        is_new, found = await state.database.run(
            named_limits.set_limit, name, max_running, rate, by=author_of(request)
        )
    except TooManyLimits as error:
        raise Refused(HTTPStatus.CONFLICT, str(error)) from error
    _wake(state, found)
    shown = readable(request, None, found, LimitStatus)
    return Json(shown, HTTPStatus.CREATED if is_new else HTTPStatus.OK)


async def open_limit(state: State, request: Request) -> Response:
    name = _name(request)
    require(request, Permission.PAUSE, None)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    _, found = await state.database.run(named_limits.open_limit, name, by=author_of(request))
    if found is None:
        raise await _unknown(state, request)
    _wake(state, found)
    return Json(readable(request, None, found, LimitStatus))


async def delete_limit(state: State, request: Request) -> Response:
    name = _name(request)
    require(request, Permission.PAUSE, None)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    before = await state.database.run(named_limits.get_limit, name)
    if not await state.database.run(named_limits.delete_limit, name, by=author_of(request)):
        raise await _unknown(state, request)
    _wake(state, before)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _name(request: Request) -> str:
    """The name in the path. Raises `InvalidValue`."""
    name: str = request.path_params["name"]
    check_limit_name("name", name)
    return name


def _wake(state: State, limit: NamedLimit | None) -> None:
    """More of its tasks may start now."""
    if limit is not None:
        state.notifier.wake(limit.queues)


async def _unknown(state: State, request: Request) -> Refused:
    may_read = actor_of(request).may_read(None)
    known = await state.database.scan(named_limits.list_limits) if may_read else []
    meant = did_you_mean(request.path_params["name"], (limit.name for limit in known))
    return Refused(HTTPStatus.NOT_FOUND, f"there is no limit with this name{meant}")


_CHANGED = NamedLimit | LimitStatus
"""What is answered to a change."""

_UNKNOWN = {404: "There is no limit with this name."}
_FOR_WHOM = "It takes an admin or a key with the scope manage."

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/limits",
        handler=list_limits,
        needs=Needs.READ,
        tag="limits",
        summary="List named limits, with their current use",
        answers={200: Answer(description="All named limits, by name.", body=list[NamedLimit])},
    ),
    Operation(
        method="POST",
        path="/api/v1/limits/{name}/open",
        handler=open_limit,
        needs=Needs.PERMISSION,
        tag="limits",
        summary="Open a named limit that a task has closed",
        description=f"It opens before its time. Units that are used up are not given back. {_FOR_WHOM} {BRIEF}",
        parameters=(_NAME,),
        answers={200: Answer(description="The limit is open.", body=_CHANGED)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="GET",
        path="/api/v1/limits/{name}",
        handler=get_limit,
        needs=Needs.READ,
        tag="limits",
        summary="Get a named limit: what it allows, and its current use",
        parameters=(_NAME,),
        answers={200: Answer(description="The limit.", body=NamedLimit)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="PUT",
        path="/api/v1/limits/{name}",
        handler=set_limit,
        needs=Needs.PERMISSION,
        tag="limits",
        summary="Create or change a named limit",
        description=(
            "The body replaces both rules, for all queues and workers together. Changes take effect immediately, also"
            f" for waiting tasks. Running tasks are not affected. {_FOR_WHOM} {BRIEF}"
        ),
        parameters=(_NAME,),
        body=LimitRequest,
        answers={
            200: Answer(description="The limit, changed.", body=_CHANGED),
            201: Answer(description="The new limit.", body=_CHANGED),
        },
        errors={409: f"There are {named_limits.MAX_LIMITS:,} named limits already."},
    ),
    Operation(
        method="DELETE",
        path="/api/v1/limits/{name}",
        handler=delete_limit,
        needs=Needs.PERMISSION,
        tag="limits",
        summary="Delete a named limit",
        description=(
            "Tasks that wait for it start without it, and new tasks that name it are refused. If a limit of the name"
            f" is created again, they wait for that. {_FOR_WHOM}"
        ),
        parameters=(_NAME,),
        answers={204: Answer(description="The limit is deleted.")},
        errors=_UNKNOWN,
    ),
)

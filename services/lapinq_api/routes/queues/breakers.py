"""Circuit breakers: list all; get, set, close, remove those of task names. Those of queues belong to their policy."""

from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of, require
from lapinq_api.operations.bodies.breaker_request import BreakerRequest
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.brief import BRIEF, readable
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.operations.must_exist import TASK_MUST_EXIST, check_task_name
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.limits.breaker import BreakerState
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.limits import breakers
from lapinq_core.limits.breakers import NamedBreaker, TooManyBreakers

_NAME = Parameter(
    name="name",
    where="path",
    description="The task name.",
    schema={**NAME_SCHEMA, "examples": ["send_mail"]},
)


class BreakerStatus(msgspec.Struct):
    """A circuit breaker as far as a key without the scope `read` is told."""

    name: str
    state: BreakerState


async def list_breakers(state: State, request: Request) -> Response:
    return Json(await state.database.scan(breakers.list_breakers))


async def get_breaker(state: State, request: Request) -> Response:
    return Json(await _found(state, request, _name(request)))


async def set_breaker(state: State, request: Request) -> Response:
    name = _name(request)
    require(request, Permission.PAUSE, None)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    rule = decode(_request, body).checked("")
    await check_task_name(state, request, name)
    try:
        await state.database.run(breakers.put_task_breaker, name, rule, by=author_of(request))
    except TooManyBreakers as error:
        raise Refused(HTTPStatus.CONFLICT, str(error)) from error
    return Json(readable(request, None, await _found(state, request, name), BreakerStatus))


async def close_task_breaker(state: State, request: Request) -> Response:
    name = _name(request)
    require(request, Permission.PAUSE, None)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await state.database.run(breakers.close_breaker, "task", name, by=author_of(request))
    return Json(readable(request, None, await _found(state, request, name), BreakerStatus))


async def remove_breaker(state: State, request: Request) -> Response:
    name = _name(request)
    require(request, Permission.PAUSE, None)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    if not await state.database.run(breakers.put_task_breaker, name, None, by=author_of(request)):
        raise await _unknown(state, request, name)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _name(request: Request) -> str:
    """The name in the path. Raises `InvalidValue`."""
    name: str = request.path_params["name"]
    check_name("name", name)
    return name


async def _found(state: State, request: Request, name: str) -> NamedBreaker:
    found = await state.database.run(breakers.get_named_breaker, name)
    if found is None:
        raise await _unknown(state, request, name)
    return found


async def _unknown(state: State, request: Request, name: str) -> Refused:
    may_read = actor_of(request).may_read(None)
    known = await state.database.scan(breakers.list_breakers) if may_read else []
    if any(one.kind == "queue" and one.name == name for one in known):
        hint = f"; the queue {name!r} has one: see `lapinq queue show` and `lapinq queue close-breaker`"
    else:
        hint = did_you_mean(name, (one.name for one in known if one.kind == "task"))
    return Refused(HTTPStatus.NOT_FOUND, f"this task name has no circuit breaker{hint}")


_CHANGED = NamedBreaker | BreakerStatus
"""What is answered to a change."""

_UNKNOWN = {404: "This task name has no circuit breaker."}
_FOR_WHOM = "It takes an admin or a key with the scope manage."

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/breakers",
        handler=list_breakers,
        needs=Needs.READ,
        tag="breakers",
        summary="List circuit breakers of queues and of task names",
        answers={200: Answer(description="All circuit breakers, by kind and name.", body=list[NamedBreaker])},
    ),
    Operation(
        method="POST",
        path="/api/v1/breakers/{name:path}/close",
        handler=close_task_breaker,
        needs=Needs.PERMISSION,
        tag="breakers",
        summary="Close the circuit breaker of a task name",
        description=(
            "Its counts start at zero, and parked tasks start within a second. Nothing changes if it is already closed."
            f" {_FOR_WHOM} {BRIEF}"
        ),
        parameters=(_NAME,),
        answers={200: Answer(description="The circuit breaker is closed.", body=_CHANGED)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="GET",
        path="/api/v1/breakers/{name:path}",
        handler=get_breaker,
        needs=Needs.READ,
        tag="breakers",
        summary="Get the circuit breaker of a task name: its rules and its state",
        parameters=(_NAME,),
        answers={200: Answer(description="The circuit breaker.", body=NamedBreaker)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="PUT",
        path="/api/v1/breakers/{name:path}",
        handler=set_breaker,
        needs=Needs.PERMISSION,
        tag="breakers",
        summary="Create or change the circuit breaker of a task name",
        description=(
            "The body replaces all rules. Counts start at zero; an open breaker stays open. Workers learn of a new one"
            f" immediately, or with their next heartbeat. {_FOR_WHOM} {BRIEF}"
        ),
        parameters=(_NAME, TASK_MUST_EXIST),
        body=BreakerRequest,
        answers={200: Answer(description="The circuit breaker.", body=_CHANGED)},
        errors={
            404: "With `must_exist`: nobody has seen this task name.",
            409: f"{breakers.MAX_BREAKERS:,} task names have a circuit breaker already.",
        },
    ),
    Operation(
        method="DELETE",
        path="/api/v1/breakers/{name:path}",
        handler=remove_breaker,
        needs=Needs.PERMISSION,
        tag="breakers",
        summary="Remove the circuit breaker of a task name",
        description=f"The tasks that wait for it start within a second. {_FOR_WHOM}",
        parameters=(_NAME,),
        answers={204: Answer(description="The circuit breaker is removed.")},
        errors=_UNKNOWN,
    ),
)

_request = msgspec.json.Decoder(BreakerRequest)

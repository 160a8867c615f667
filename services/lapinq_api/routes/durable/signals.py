"""Sends a signal to a durable task."""

from functools import partial
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import author_of
from lapinq_api.credentials.payloads import audited
from lapinq_api.operations.body import read_json_if_any
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.operations.idempotency import (
    HEADERS,
    IDEMPOTENCY_KEY,
    REPLAYED,
    given_key,
    ids_of,
    stored_key,
)
from lapinq_api.operations.task_path import TASK_ID, task_id
from lapinq_api.operations.task_permission import require_for_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json, off_loop_if_large
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.requests.signals import SIGNAL_NAME_SCHEMA, read_value
from lapinq_core.domain.requests.values import Id
from lapinq_core.domain.tasks.durable.calls import check_name
from lapinq_core.durable import signals


class Sent(msgspec.Struct):
    """The task to which the signal was sent."""

    id: Id
    signal: str


async def send_signal(state: State, request: Request) -> Response:
    which, name = task_id(request), request.path_params["name"]
    check_name("name", name)
    await require_for_task(state, request, Permission.DECIDE, which)
    given = given_key(request)
    body = await read_json_if_any(
        request.scope, request.receive, state.settings.max_payload_size, state.admission
    )
    with await state.admission.decoding(body):
        value = await off_loop_if_large(body, read_value, body)
        operation = f"POST /api/v1/tasks/{which}/signals/{name}"
        key = None if given is None else stored_key(request, given, operation, body)
        told = audited(state.payloads, value)
        by = author_of(request)
        send = partial(signals.send, task_id=which, name=name, value=value, key=key, by=by, audited=told)
        earlier = await state.enqueue_batcher.put_with(send, (), len(body))
    if earlier is None:
        return Json(Sent(which, name), HTTPStatus.ACCEPTED)
    ids_of(earlier)  # refuses another request with the key
    return Json(Sent(which, name), HTTPStatus.ACCEPTED, REPLAYED)


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/tasks/{id}/signals/{name:path}",
        handler=send_signal,
        needs=Needs.PERMISSION,
        tag="durable tasks",
        summary="Send a signal to a task",
        description=(
            "The body is its value: any JSON, null without one. It is kept until the task takes it, also before the"
            " task starts. Signals with one name are taken in the order in which they were sent. If the task asks by a"
            " link of this name, this is the answer: it has to fit the form, and closes the links. A user needs the"
            " permission `decide` on the queue."
        ),
        parameters=(
            TASK_ID,
            Parameter(
                name="name",
                where="path",
                description="The signal's name.",
                schema={**SIGNAL_NAME_SCHEMA, "examples": ["approved"]},
            ),
            IDEMPOTENCY_KEY,
        ),
        body={"description": "Any JSON.", "examples": [{"by": "Eva"}]},
        body_is_optional=True,
        answers={202: Answer(description="The signal is sent.", body=Sent, headers=HEADERS)},
        errors={
            404: "There is no task with this id.",
            409: (
                f"The task has ended, or has {signals.MAX_WAITING:,} signals that it has not taken; or the idempotency"
                " key was used for a different request within 24 hours."
            ),
        },
    ),
)

"""Lists webhooks with their deliveries, and resends one."""

from http import HTTPStatus
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of, narrow, require, require_read, require_sight
from lapinq_api.operations.bodies.objects import WebhookObject
from lapinq_api.operations.body import read_no_fields
from lapinq_api.operations.brief import BRIEF
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.filters.webhook import ID, QUEUE, STATE, TASK_ID, read_filter
from lapinq_api.operations.paging import CURSOR_HEADERS, LIMIT, NUMBER_CURSOR, next_number, read_limit
from lapinq_api.operations.task_path import read_id
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.requests.values import Id
from lapinq_core.webhooks import deliveries


class WebhookResent(msgspec.Struct):
    """A webhook as far as a key without the scope `read` is told."""

    id: Id
    state: Literal["pending"] = "pending"


async def list_webhooks(state: State, request: Request) -> Response:
    query = query_of(request)
    chosen = narrow(request, read_filter(query))
    objects, last = await state.database.scan(deliveries.list_webhooks, chosen, read_limit(query))
    shown = await state.payloads.for_(actor_of(request)).encoded(f"[{','.join(objects)}]")
    return Json(shown, headers=next_number(last))


async def get_webhook(state: State, request: Request) -> Response:
    queue, found = await _found(state, request)
    require_read(request, queue)
    return Json(await state.payloads.for_(actor_of(request)).encoded(found))


async def resend_webhook(state: State, request: Request) -> Response:
    which = _event_id(request)
    queue, _ = await _found(state, request)
    require(request, Permission.REQUEUE, queue)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    sent = await state.database.run(deliveries.resend, which, by=author_of(request))
    if sent is None:
        raise _unknown()
    if not actor_of(request).may_read(queue):
        return Json(WebhookResent(id=which))
    return Json(await state.payloads.for_(actor_of(request)).encoded(sent))


async def _found(state: State, request: Request) -> tuple[str, str]:
    """The queue and the webhook in the path, as JSON. Raises `Refused` (404)."""
    found = await state.database.run(deliveries.get, _event_id(request))
    if found is None:
        raise _unknown()
    require_sight(request, found[0], _unknown())
    return found


def _event_id(request: Request) -> str:
    return read_id("id", request.path_params["id"], "an event's id")


def _unknown() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is no webhook with this id")


_EVENT_ID = Parameter(
    name="id", where="path", description="The event's id.", schema={"type": "string", "format": "uuid"}
)
OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/webhooks",
        handler=list_webhooks,
        needs=Needs.READ_OF_QUEUE,
        tag="webhooks",
        summary="List webhooks, newest first",
        description=(
            "Each task enqueued with a `webhook_url` gets one when it ends. It is deleted some time after its"
            " delivery."
        ),
        parameters=(STATE, TASK_ID, QUEUE, ID, LIMIT, NUMBER_CURSOR),
        answers={
            200: Answer(
                description="The webhooks.",
                body=list[WebhookObject],
                headers=CURSOR_HEADERS,
                links={
                    "list_webhooks": {"cursor": "$response.header.X-Next-Cursor"},
                    "get_webhook": {"id": "$response.body#/0/id"},
                    "resend_webhook": {"id": "$response.body#/0/id"},
                },
            )
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/webhooks/{id}",
        handler=get_webhook,
        needs=Needs.READ_OF_QUEUE,
        tag="webhooks",
        summary="One webhook",
        parameters=(_EVENT_ID,),
        answers={200: Answer(description="The webhook.", body=WebhookObject)},
        errors={404: "There is no webhook with this id."},
    ),
    Operation(
        method="POST",
        path="/api/v1/webhooks/{id}/resend",
        handler=resend_webhook,
        needs=Needs.PERMISSION,
        tag="webhooks",
        summary="Resend a webhook",
        description=(
            "In any state: it is due now, and retried for another day under the same id. A user"
            f" needs the permission `requeue` on the task's queue. {BRIEF}"
        ),
        parameters=(_EVENT_ID,),
        answers={200: Answer(description="It is pending.", body=WebhookObject | WebhookResent)},
        errors={404: "There is no webhook with this id."},
    ),
)

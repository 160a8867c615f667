"""The keys of a queue whose tasks wait: listed, and freed by hand.

A key may contain any character, so the one to free is in the body.
"""

from http import HTTPStatus
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import author_of, require, require_read
from lapinq_api.operations.body import read_json
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.paging import (
    CURSOR_HEADERS,
    LIMIT,
    TEXT_CURSOR,
    next_text,
    read_limit,
    read_text,
)
from lapinq_api.routes.tasks.queues import QUEUE, queue_of
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import doc
from lapinq_core.domain.tasks.key import KEY_PATTERN, MAX_KEY, check_key
from lapinq_core.limits import blocked_keys
from lapinq_core.limits.blocked_keys import KeyState, WaitingKey


class SkipRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The key to free."""

    key: Annotated[
        str,
        doc("The key.", example="customer-7"),
        msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_KEY, "pattern": KEY_PATTERN}),
    ]


class Skipped(msgspec.Struct, frozen=True):
    """`task_id` is the task that no longer holds the key. It starts in its turn, once its retry is due."""

    task_id: str


async def list_queue_keys(state: State, request: Request) -> Response:
    queue, query = queue_of(request), query_of(request)
    require_read(request, queue)
    wanted = query.get("state", KeyState.BLOCKED)
    if wanted not in set(KeyState):
        raise InvalidValue("state", f"must be one of {', '.join(KeyState)}")
    limit, after = read_limit(query), read_text(query)
    found = await state.database.scan(blocked_keys.list_keys, queue, KeyState(wanted), limit, after)
    return Json(found.keys, headers=next_text(found.next))


async def skip_queue_key(state: State, request: Request) -> Response:
    queue = queue_of(request)
    require(request, Permission.REQUEUE, queue)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    key = decode(_request, body).key
    check_key("key", key)
    task_id = await state.database.run(blocked_keys.skip, queue, key, by=author_of(request))
    if task_id is None:
        raise Refused(
            HTTPStatus.CONFLICT,
            "no task that waits for a retry holds this key: that happens only in strict_per_key order, and a task"
            " that runs must end or be cancelled",
        )
    state.notifier.wake([queue])
    return Json(Skipped(task_id))


_request = msgspec.json.Decoder(SkipRequest)

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/queues/{name:path}/keys",
        handler=list_queue_keys,
        needs=Needs.READ_OF_QUEUE,
        tag="queues",
        summary="List the keys of a queue whose tasks wait, and what blocks them",
        description=(
            "In ascending order of keys. A page looks at no more than 1,000 keys: it may have fewer entries than"
            " `limit`, or none, and yet a next page. A key that only waits for a named limit is not blocked here."
        ),
        parameters=(
            QUEUE,
            Parameter(
                name="state",
                description=(
                    "Which keys: `blocked`, no task may start now; `waiting`, blocked or not; `all`, also those"
                    " of which tasks only run."
                ),
                schema={"type": "string", "enum": list(KeyState), "default": KeyState.BLOCKED},
            ),
            LIMIT,
            TEXT_CURSOR,
        ),
        answers={200: Answer(description="The keys.", body=list[WaitingKey], headers=CURSOR_HEADERS)},
    ),
    Operation(
        method="POST",
        path="/api/v1/queues/{name:path}/skip",
        handler=skip_queue_key,
        needs=Needs.PERMISSION,
        tag="queues",
        summary="Start the next task of a key before a failed one is tried again",
        description=(
            "In `strict_per_key` order a task that waits for a retry holds its key. This frees the key: its next task"
            " may start, and the one that waits starts in its turn when its retry is due. A user needs the"
            " permission `requeue` on the queue."
        ),
        parameters=(QUEUE,),
        body=SkipRequest,
        answers={200: Answer(description="The key is free.", body=Skipped)},
        errors={409: "No task that waits for a retry holds the key."},
    ),
)

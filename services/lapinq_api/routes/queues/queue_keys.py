"""The keys of a queue whose tasks wait: listed, and freed by hand.

A key may contain any character, so those to free are in the body.
"""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, NamedTuple

import msgspec
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import (
    actor_of,
    audit_entry,
    author_of,
    refuse_early,
    require,
    require_read,
)
from lapinq_api.operations.body import read_json
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.key_filter import read_key_filter, read_prefix
from lapinq_api.operations.paging import (
    CURSOR_HEADERS,
    LIMIT,
    TEXT_CURSOR,
    next_text,
    read_limit,
)
from lapinq_api.routes.bulk.walk import walk_these
from lapinq_api.routes.queues.queues import QUEUE, queue_of
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.query import flag
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import doc
from lapinq_core.domain.tasks.key import KEY_PATTERN, MAX_KEY, check_key
from lapinq_core.domain.tasks.shown_state import DELAYED, ShownState, states_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.limits import blocked_keys
from lapinq_core.limits.blocked_keys import MOST_FOUND, MOST_LOOKED_AT, KeySort, KeyState, WaitingKey
from lapinq_core.tasks import bulk, held_keys
from lapinq_core.tasks.bulk import Batch, Step, Walk
from lapinq_core.tasks.filters import TaskFilter, in_states
from lapinq_core.tasks.held_keys import Held

MAX_KEYS = 1000
FOUND_HEADER = "X-Total-Count"

Key = Annotated[
    str, msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_KEY, "pattern": KEY_PATTERN})
]


class SkipRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The key to free."""

    key: Annotated[Key, doc("The key.", example="customer-7")]


class Skipped(msgspec.Struct, frozen=True):
    """`task_id` is the task that no longer holds the key. It starts in its turn, once its retry is due."""

    task_id: str


class Unblocking(StrEnum):
    """What happens to the tasks that hold keys."""

    SKIP = "skip"
    RETRY = "retry"
    CANCEL = "cancel"


class UnblockRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which keys are freed, and how: all of the queue that a waiting task holds, or those that are named or begin with
    a prefix."""

    action: Annotated[
        str,
        doc(
            "`skip`: the next task of each key may start, and the one that holds it starts in its turn when its retry"
            " is due; `retry`: the one that holds it starts now; `cancel`: it is cancelled.",
            example="skip",
        ),
        msgspec.Meta(extra_json_schema={"enum": list(Unblocking)}),
    ]
    keys: Annotated[
        list[Key] | None,
        doc("Only these keys.", example=["customer-7"]),
        msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_KEYS}),
    ] = None
    prefix: Annotated[Key | None, doc("Only keys that begin with this.", example="customer-")] = None


class Unblocked(msgspec.Struct, omit_defaults=True):
    """How many keys were freed, and how many blocked ones are not held by a task that waits: their task runs, or their
    rate is used up.

    In a dry run, `matching` is how many would be freed, and `first` tells of the oldest ones.
    """

    freed: int
    skipped: int
    matching: int | None = None
    dry_run: bool = False
    first: list[Held] = []


async def list_queue_keys(state: State, request: Request) -> Response:
    queue, query = queue_of(request), query_of(request)
    require_read(request, queue)
    chosen = read_key_filter(query)
    found = await state.database.scan(blocked_keys.list_keys, queue, chosen, read_limit(query))
    headers = next_text(found.next) or {}
    if found.found is not None:
        headers[FOUND_HEADER] = str(found.found)
    return Json(found.keys, headers=headers)


async def unblock_queue_keys(state: State, request: Request) -> Response:
    queue, query = queue_of(request), query_of(request)
    refuse_early(request, Permission.REQUEUE)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    asked = decode(_unblocking, body)
    if asked.action not in set(Unblocking):
        raise InvalidValue("action", f"must be one of {', '.join(Unblocking)}")
    way = _WAYS[Unblocking(asked.action)]
    require(request, way.permission, queue)
    if asked.keys is not None and not 1 <= len(asked.keys) <= MAX_KEYS:
        raise InvalidValue("keys", f"must name 1 to {MAX_KEYS} keys; leave it out for all")
    for index, key in enumerate(asked.keys or []):
        check_key(f"keys[{index}]", key)
    prefix = read_prefix(asked.prefix)
    is_dry_run = flag("dry_run", query.get("dry_run"))
    held = await state.database.scan(held_keys.find, queue, prefix, asked.keys)
    if not held.is_strict:
        raise Refused(
            HTTPStatus.CONFLICT,
            f"the queue '{queue}' is not in strict_per_key order, so no task holds a key of it",
        )
    if is_dry_run:
        told = held.first if actor_of(request).may_read(queue) else []
        return Json(Unblocked(0, held.others, len(held.ids), dry_run=True, first=told))
    chosen = {name: value for name, value in (("keys", asked.keys), ("prefix", prefix)) if value}
    entry = audit_entry(request, way.action, queue, {"chosen": chosen})

    async def act(
        conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry_id: int | None
    ) -> Step | None:
        return await way.change(conn, walk, batch, entry, entry_id)

    waiting = in_states(TaskFilter(queue=queue), way.states)
    done = await walk_these(state, request, waiting, held.ids, act)
    return Json(Unblocked(done.done, held.others))


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
_unblocking = msgspec.json.Decoder(UnblockRequest)


class _Way(NamedTuple):
    """How keys are freed: the permission it takes, its name in the audit log, and which tasks it can change."""

    permission: Permission
    action: str
    change: bulk.Change
    states: AbstractSet[ShownState] = states_of(Status.PENDING)


_WAYS = {
    Unblocking.SKIP: _Way(Permission.REQUEUE, "queue.skip_keys", held_keys.free_many),
    Unblocking.RETRY: _Way(Permission.REQUEUE, "queue.retry_keys", bulk.run_tasks, DELAYED),
    Unblocking.CANCEL: _Way(Permission.CANCEL, "queue.cancel_keys", bulk.cancel_tasks),
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/queues/{name:path}/keys",
        handler=list_queue_keys,
        needs=Needs.READ_OF_QUEUE,
        tag="queues",
        summary="List the keys of a queue whose tasks wait, and what blocks them",
        description=(
            f"In ascending order of keys. A page looks at no more than {MOST_LOOKED_AT:,} keys: it may have fewer"
            " entries than `limit`, or none, and yet a next page. Or, with `sort=age`, the blocked ones by the age of"
            " the task in front: the one that holds the key, or the first that waits. A key that only waits for a"
            " named limit is not blocked here."
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
            Parameter(
                name="sort",
                description="The order: `key`, ascending keys; `age`, those first whose task in front is the oldest.",
                schema={"type": "string", "enum": list(KeySort), "default": KeySort.KEY},
            ),
            Parameter(
                name="prefix",
                description="Only keys that begin with this.",
                schema={"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": KEY_PATTERN},
            ),
            LIMIT,
            TEXT_CURSOR,
        ),
        answers={
            200: Answer(
                description="The keys.",
                body=list[WaitingKey],
                headers={
                    **CURSOR_HEADERS,
                    FOUND_HEADER: (
                        f"With `sort=age`: how many keys are blocked; counting stops at {MOST_FOUND:,}."
                    ),
                },
            )
        },
    ),
    Operation(
        method="POST",
        path="/api/v1/queues/{name:path}/keys",
        handler=unblock_queue_keys,
        needs=Needs.PERMISSION,
        tag="queues",
        summary="Free many keys that waiting tasks hold",
        description=(
            "In `strict_per_key` order a task that waits for a retry holds its key. This skips, retries or cancels such"
            f" tasks, of the {MOST_FOUND:,} oldest blocked keys at a time. Keys whose task runs are left alone and"
            " counted. A user needs the permission `requeue` on the queue, or `cancel` to cancel. Works in small steps:"
            " a failure undoes no earlier step."
        ),
        parameters=(
            QUEUE,
            Parameter(
                name="dry_run",
                description="Only count the keys that would be freed, and tell the first ones.",
                schema={"type": "boolean", "default": False},
            ),
        ),
        body=UnblockRequest,
        answers={200: Answer(description="How many were freed.", body=Unblocked)},
        errors={409: "The queue is not in strict_per_key order."},
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

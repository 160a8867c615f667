"""Queues: list, get, set their policy, pause, resume, close their circuit breakers.

A queue name may contain any printable character, also a slash, so the name is the rest of the path; the server decodes
`%2F` before we see it. Names that clients or proxies resolve, such as `..`, cannot be reached.
"""

from datetime import datetime
from http import HTTPStatus

from msgspec import UNSET, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of, readable_queues, require, require_read
from lapinq_api.operations.bodies.pause_request import PauseRequest, read_reason
from lapinq_api.operations.bodies.queue_policy import PolicyChange, read_policy_change
from lapinq_api.operations.body import read_json, read_json_if_any, read_no_fields
from lapinq_api.operations.brief import BRIEF, readable
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.must_exist import QUEUE_MUST_EXIST, check_queues
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.query import flag
from lapinq_core.domain.accounts.account import ActorKind, Permission
from lapinq_core.domain.limits.breaker import BreakerState
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.tasks import inspect, queues
from lapinq_core.tasks.inspect import QueueCounts
from lapinq_core.tasks.queues import QueueDetails, QueueOrder

QUEUE = Parameter(
    name="name",
    where="path",
    description="The queue's name.",
    schema={**NAME_SCHEMA, "examples": ["default"]},
)


class ListedQueue(QueueCounts, frozen=True):
    """How many tasks of a queue have each status. The other fields only come with `details`."""

    paused_at: datetime | UnsetType | None = UNSET
    paused_by: str | UnsetType | None = UNSET
    pause_reason: str | UnsetType | None = UNSET
    waiting_since: datetime | UnsetType | None = UNSET
    max_running: int | UnsetType | None = UNSET
    has_policy: bool | UnsetType = UNSET
    breaker_state: BreakerState | UnsetType | None = UNSET
    is_unserved: bool | UnsetType = UNSET


class QueueStatus(Struct):
    """A queue as far as a key without the scope `read` is told. `paused_at` is null if it is not paused."""

    queue_name: str
    paused_at: datetime | None


async def list_queues(state: State, request: Request) -> Response:
    readable = readable_queues(request)
    if not flag("details", query_of(request).get("details")):
        return Json(await state.database.scan(inspect.count_queues, readable))
    found, _ = await state.database.scan(queues.list_queues, "", QueueOrder.NAME, queues.ALL, readable)
    return Json(found)


async def get_queue(state: State, request: Request) -> Response:
    queue = queue_of(request)
    require_read(request, queue)
    found = await state.database.scan(queues.get_queue, queue)
    if found is None:
        raise await _unknown_queue(state, request, queue)
    return Json(found)


async def set_queue(state: State, request: Request) -> Response:
    queue = queue_of(request)
    # A user may not: limits decide what workers do for all queues. A key that is limited to the queue may.
    actor = actor_of(request)
    is_limited_key = actor.kind is ActorKind.KEY and actor.queues is not None
    require(request, Permission.PAUSE, queue if is_limited_key else None)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    changes = read_policy_change(body)
    await check_queues(state, request, [queue])
    found = await state.database.run(queues.set_policy, queue, changes, by=author_of(request))
    state.notifier.wake([queue])  # more of its tasks may start now
    return Json(readable(request, queue, found, QueueStatus))


async def pause_queue(state: State, request: Request) -> Response:
    queue = queue_of(request)
    require(request, Permission.PAUSE, queue)
    body = await read_json_if_any(
        request.scope, request.receive, state.settings.max_payload_size, state.admission
    )
    reason = read_reason(body)
    await check_queues(state, request, [queue])
    found = await state.database.run(queues.pause, queue, reason, by=author_of(request))
    return Json(readable(request, queue, found, QueueStatus))


async def resume_queue(state: State, request: Request) -> Response:
    queue = queue_of(request)
    require(request, Permission.PAUSE, queue)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    was_paused, found = await state.database.run(queues.resume, queue, by=author_of(request))
    if was_paused:
        state.notifier.wake([queue])
    if found is None:
        raise await _unknown_queue(state, request, queue)
    return Json(readable(request, queue, found, QueueStatus))


async def close_breaker(state: State, request: Request) -> Response:
    queue = queue_of(request)
    require(request, Permission.PAUSE, queue)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    was_open, found = await state.database.run(queues.close_breaker, queue, by=author_of(request))
    if was_open:
        state.notifier.wake([queue])
    if found is None:
        raise await _unknown_queue(state, request, queue)
    return Json(readable(request, queue, found, QueueStatus))


def queue_of(request: Request) -> str:
    """The name in the path. Raises `InvalidValue`."""
    name: str = request.path_params["name"]
    check_name("name", name)
    return name


async def _unknown_queue(state: State, request: Request, name: str) -> Refused:
    actor = actor_of(request)
    known = [one.queue_name for one in await state.database.scan(inspect.count_queues)]
    meant = did_you_mean(name, filter(actor.may_read, known))
    return Refused(
        HTTPStatus.NOT_FOUND,
        f"there is no queue with this name{meant}: it has no tasks, and nobody paused or limited it",
    )


_CHANGED = QueueDetails | QueueStatus
"""What is answered to a change."""

_UNKNOWN = {404: "There is no such queue: it has no tasks, and nobody paused or limited it."}
_UNSEEN = {404: "With `must_exist`: nobody has seen this queue."}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/queues",
        handler=list_queues,
        needs=Needs.READ_OF_QUEUE,
        tag="queues",
        summary="Count tasks by queue and status",
        parameters=(
            Parameter(
                name="details",
                description=(
                    "Also say which queues are paused, by whom and why, since when the first ready task waits, whether"
                    " there is a policy, the state of the circuit breaker, and whether no worker serves ready tasks."
                    " Then queues without tasks that are paused or have a policy are listed, too."
                ),
                schema={"type": "boolean", "default": False},
            ),
        ),
        answers={200: Answer(description="All queues that have tasks.", body=list[ListedQueue])},
    ),
    Operation(
        method="POST",
        path="/api/v1/queues/{name:path}/pause",
        handler=pause_queue,
        needs=Needs.PERMISSION,
        tag="queues",
        summary="Pause a queue",
        description=(
            "No task of the queue starts until it is resumed; running tasks finish. The queue need not"
            f" have tasks yet. If it is paused already, the first pause and its reason stay. {BRIEF}"
        ),
        parameters=(QUEUE, QUEUE_MUST_EXIST),
        body=PauseRequest,
        body_is_optional=True,
        answers={200: Answer(description="The queue is paused.", body=_CHANGED)},
        errors=_UNSEEN,
    ),
    Operation(
        method="POST",
        path="/api/v1/queues/{name:path}/resume",
        handler=resume_queue,
        needs=Needs.PERMISSION,
        tag="queues",
        summary="Resume a queue",
        description=BRIEF,
        parameters=(QUEUE,),
        answers={200: Answer(description="The queue is active.", body=_CHANGED)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/v1/queues/{name:path}/close-breaker",
        handler=close_breaker,
        needs=Needs.PERMISSION,
        tag="queues",
        summary="Close the circuit breaker of a queue",
        description=(
            "Its tasks start again immediately, and its counts start at zero. Nothing changes if it is closed or the"
            f" queue has none. {BRIEF}"
        ),
        parameters=(QUEUE,),
        answers={200: Answer(description="The queue.", body=_CHANGED)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="GET",
        path="/api/v1/queues/{name:path}",
        handler=get_queue,
        needs=Needs.READ_OF_QUEUE,
        tag="queues",
        summary="Get a queue: its tasks by status, its policy, and whether it is paused",
        parameters=(QUEUE,),
        answers={200: Answer(description="The queue.", body=QueueDetails)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="PATCH",
        path="/api/v1/queues/{name:path}",
        handler=set_queue,
        needs=Needs.PERMISSION,
        tag="queues",
        summary="Set the policy of a queue: limits, rates, order, weights and circuit breaker",
        description=(
            "Fields that are left out stay as they are. The policy holds for all workers together. Changes take effect"
            " immediately, also for waiting tasks. Running tasks are not affected. The queue need not have tasks yet."
            f" Requires an admin or a key with the scope manage. {BRIEF}"
        ),
        parameters=(QUEUE, QUEUE_MUST_EXIST),
        body=PolicyChange,
        answers={200: Answer(description="The queue, with its `policy`.", body=_CHANGED)},
        errors=_UNSEEN,
    ),
)

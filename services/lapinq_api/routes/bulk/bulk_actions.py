"""Bulk actions: starts, lists, gets and stops them. `bulk_runner.py` does what they ask for."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of, readable_queues, require
from lapinq_api.operations.body import read_no_fields
from lapinq_api.operations.brief import BRIEF, readable
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.filters.task import queues_of
from lapinq_api.operations.filters.task_values import CURSOR, cursor_after, read_cursor
from lapinq_api.operations.paging import CURSOR_HEADER, CURSOR_HEADERS, LIMIT, cursor_parameter, read_limit
from lapinq_api.routes.bulk.bulk_kinds import KINDS, Kind
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Busy, Refused
from lapinq_api.wire.query import flag
from lapinq_core.domain.accounts.account import Actor
from lapinq_core.domain.requests.refusals import read_id
from lapinq_core.domain.requests.values import Id, doc
from lapinq_core.tasks import bulk_actions
from lapinq_core.tasks.bulk_actions import BulkAction, BulkState, NewAction, TooManyActions, Verb
from lapinq_core.tasks.filters import TaskFilter


class BulkActionObject(msgspec.Struct, kw_only=True):
    """A change to many tasks that goes on without its client. Times are in UTC.

    It is `waiting` until a server takes it, then `running`. One that `failed` could not go on: `error` says why.
    """

    id: Id
    action: Verb
    state: BulkState
    filters: Annotated[dict[str, str], doc("The parameters that chose the tasks.")]
    done: Annotated[int, doc("How many tasks were changed so far.")]
    skipped: Annotated[
        int, doc("How many matched but were left alone: they run, or another task has their unique key.")
    ]
    expected: Annotated[int | None, doc("How many a dry run counted before, as its caller told.")]
    started_by: str
    created_at: datetime
    ended_at: datetime | None
    stopped_by: str | None
    error: str | None


class BulkActionStatus(msgspec.Struct):
    """A bulk action as far as a key without the scope `read` is told."""

    id: Id
    state: BulkState


async def start_action(
    state: State,
    request: Request,
    kind: Kind,
    chosen: TaskFilter,
    *,
    filters: dict[str, str],
    expected: int | None,
) -> Response:
    """Starts a bulk action for a caller who may, and answers with it."""
    queues = [queue for queue in queues_of(filters) if queue is not None]
    new = NewAction(verb=kind.verb, filters=filters, queues=queues or None, expected=expected)
    try:
        started = await state.database.scan(
            bulk_actions.start, new, chosen, kind.action, by=author_of(request)
        )
    except TooManyActions as error:
        raise Busy(str(error), HTTPStatus.TOO_MANY_REQUESTS) from error
    state.bulk_started.set()
    return Json(BulkActionStatus(started.id, started.state), HTTPStatus.ACCEPTED)


async def list_bulk_actions(state: State, request: Request) -> Response:
    query = query_of(request)
    found, last = await state.database.scan(
        bulk_actions.list_actions,
        read_limit(query),
        readable=readable_queues(request),
        before=read_cursor(query.get("cursor")),
        is_active=flag("active", query.get("active")),
    )
    headers = {CURSOR_HEADER: cursor_after(last)} if last else None
    return Json([_object(state, actor_of(request), one) for one in found], headers=headers)


async def get_bulk_action(state: State, request: Request) -> Response:
    readable_queues(request)
    found = await _visible(state, request)
    return Json(_object(state, actor_of(request), found))


async def stop_bulk_action(state: State, request: Request) -> Response:
    # Before the permission check, which depends on the action.
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    found = await _visible(state, request)
    queues = found.queues or [None]
    for queue in queues:
        require(request, KINDS[found.verb].permission, queue)
    stopped = await state.database.run(bulk_actions.stop, found.id, by=author_of(request))
    if stopped is None:
        raise _unknown()
    shown = _object(state, actor_of(request), stopped)
    return Json(readable(request, queues[0], shown, BulkActionStatus))


async def _visible(state: State, request: Request) -> BulkAction:
    """The action in the path. Raises `Refused` (404) also for those who are limited to other queues than its."""
    which, actor = read_id("id", request.path_params["id"], "the id of a bulk action"), actor_of(request)
    found = await state.database.run(bulk_actions.get, which)
    if found is None or not all(map(actor.covers, found.queues or [None])):
        raise _unknown()
    return found


def _unknown() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is no bulk action with this id")


def _object(state: State, actor: Actor, action: BulkAction) -> BulkActionObject:
    return BulkActionObject(
        id=action.id,
        action=action.verb,
        state=action.state,
        filters=state.payloads.for_(actor).mask_filters(action.filters, action.queues or [None]),
        done=action.done,
        skipped=action.skipped,
        expected=action.expected,
        started_by=action.actor,
        created_at=action.created_at,
        ended_at=action.ended_at,
        stopped_by=action.stopped_by,
        error=action.error,
    )


_LINKS: dict[str, dict[str, str]] = {
    name: {"id": "$response.body#/id"} for name in ("get_bulk_action", "stop_bulk_action")
}
STARTED = Answer(
    description="With `background`: the bulk action, which goes on.", body=BulkActionStatus, links=_LINKS
)
"""The answer to a request that starts one."""

_ID = Parameter(
    name="id",
    where="path",
    description="The id of the bulk action.",
    schema={"type": "string", "format": "uuid"},
)
_UNKNOWN = "There is no bulk action with this id. They are kept for 30 days after their end."

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/bulk-actions",
        handler=list_bulk_actions,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="List bulk actions, newest first",
        description=(
            "Changes to many tasks that were started with `background`. Who may not read all queues sees those that are"
            " limited to queues they may read."
        ),
        parameters=(
            Parameter(
                name="active",
                description="Only those that have not ended.",
                schema={"type": "boolean", "default": False},
            ),
            LIMIT,
            cursor_parameter(CURSOR),
        ),
        answers={
            200: Answer(
                description="The bulk actions.",
                body=list[BulkActionObject],
                headers=CURSOR_HEADERS,
                links={
                    "list_bulk_actions": {"cursor": "$response.header.X-Next-Cursor"},
                    **{name: {"id": "$response.body#/0/id"} for name in _LINKS},
                },
            )
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/bulk-actions/{id}",
        handler=get_bulk_action,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="Get a bulk action and its progress",
        parameters=(_ID,),
        answers={200: Answer(description="The bulk action.", body=BulkActionObject)},
        errors={404: _UNKNOWN},
    ),
    Operation(
        method="POST",
        path="/api/v1/bulk-actions/{id}/stop",
        handler=stop_bulk_action,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Stop a bulk action",
        description=(
            "What it has changed stays so; the step under way is undone. One that has ended stays as it is. It takes"
            f" the permission that it took to start it. {BRIEF}"
        ),
        parameters=(_ID,),
        answers={200: Answer(description="The bulk action.", body=BulkActionObject | BulkActionStatus)},
        errors={404: _UNKNOWN},
    ),
)

"""Groups of errors: list, get, resolve, mute, reopen, merge, split."""

from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import author_of, narrow, require, require_read, require_sight
from lapinq_api.operations.bodies.merge_request import MergeRequest, SplitRequest, read_merge, read_split
from lapinq_api.operations.bodies.mute_request import MuteRequest, read_mute
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.brief import BRIEF, readable
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.filters.error_group import QUEUE, STATE, TASK_NAME, TYPE, read_filter
from lapinq_api.operations.paging import CURSOR_HEADERS, LIMIT, NUMBER_CURSOR, next_number, read_limit
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.query import whole_number
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.error_groups import changing, groups
from lapinq_core.error_groups.groups import ErrorGroup, GroupOrder, GroupState, Merged

_ID = Parameter(
    name="id",
    where="path",
    description="The group's id.",
    schema={"type": "integer", "minimum": 1, "maximum": groups.MAX_ID},
)


class ErrorGroupStatus(msgspec.Struct):
    """A group as far as a key without the scope `read` is told."""

    id: int
    state: GroupState


async def list_errors(state: State, request: Request) -> Response:
    query = query_of(request)
    limit = read_limit(query)
    chosen = narrow(request, read_filter(query))
    found, matching = await state.database.scan(groups.list_groups, chosen, GroupOrder.ID, limit)
    return Json(found, headers=next_number(found[-1].id if matching > len(found) else None))


async def get_error(state: State, request: Request) -> Response:
    group = await _found(state, request)
    require_read(request, group.queue_name)
    return Json(group)


async def resolve_error(state: State, request: Request) -> Response:
    group = await _permitted(state, request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    return _changed(request, await state.database.run(changing.resolve, group.id, by=author_of(request)))


async def mute_error(state: State, request: Request) -> Response:
    group = await _permitted(state, request)
    seconds, reason = read_mute(
        await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    )
    return _changed(
        request, await state.database.run(changing.mute, group.id, seconds, reason, by=author_of(request))
    )


async def reopen_error(state: State, request: Request) -> Response:
    group = await _permitted(state, request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    return _changed(request, await state.database.run(changing.reopen, group.id, by=author_of(request)))


async def list_merged(state: State, request: Request) -> Response:
    group = await _found(state, request)
    require_read(request, group.queue_name)
    return Json(await state.database.run(groups.merged_into, group.id))


async def merge_errors(state: State, request: Request) -> Response:
    group = await _permitted(state, request)
    into = read_merge(
        await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    )
    return _changed(request, await state.database.run(changing.merge, group.id, into, by=author_of(request)))


async def split_error(state: State, request: Request) -> Response:
    group = await _permitted(state, request)
    fingerprint = read_split(
        await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    )
    own = await state.database.run(changing.split, group.id, fingerprint, by=author_of(request))
    if own is None:
        raise Refused(HTTPStatus.NOT_FOUND, "no error with this fingerprint was merged into this group")
    return _changed(request, own)


async def _permitted(state: State, request: Request) -> ErrorGroup:
    """The group in the path, if the caller may change it."""
    group = await _found(state, request)
    require(request, Permission.REQUEUE, group.queue_name)
    return group


async def _found(state: State, request: Request) -> ErrorGroup:
    number = whole_number("id", request.path_params["id"], 0, lowest=1, highest=groups.MAX_ID)
    group = await state.database.run(groups.get, number)
    if group is None:
        raise _unknown()
    require_sight(request, group.queue_name, _unknown())
    return group


def _changed(request: Request, group: ErrorGroup | None) -> Response:
    if group is None:
        raise _unknown()
    return Json(readable(request, group.queue_name, group, ErrorGroupStatus))


def _unknown() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is no group of errors with this id")


_UNKNOWN = {404: "There is no group of errors with this id."}
_PERMITTED = f"A user needs the permission `requeue` on the queue. {BRIEF}"

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/errors",
        handler=list_errors,
        needs=Needs.READ_OF_QUEUE,
        tag="errors",
        summary="List groups of errors, the newest group first",
        description=(
            "A group is the errors of one queue, task function, type and place: who raised. Without a traceback, it"
            " is those of one kind: the first line with `*` in place of numbers, ids, quoted parts and words that"
            " vary. Its counts include tasks that were requeued or deleted since."
        ),
        parameters=(STATE, QUEUE, TASK_NAME, TYPE, LIMIT, NUMBER_CURSOR),
        answers={
            200: Answer(
                description="The groups.",
                body=list[ErrorGroup],
                headers=CURSOR_HEADERS,
                links={
                    "list_errors": {"cursor": "$response.header.X-Next-Cursor"},
                    **{
                        name: {"id": "$response.body#/0/id"}
                        for name in ("get_error", "resolve_error", "mute_error", "reopen_error")
                    },
                },
            )
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/errors/{id}",
        handler=get_error,
        needs=Needs.READ_OF_QUEUE,
        tag="errors",
        summary="One group of errors",
        parameters=(_ID,),
        answers={200: Answer(description="The group.", body=ErrorGroup)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="GET",
        path="/api/v1/errors/{id}/merged",
        handler=list_merged,
        needs=Needs.READ_OF_QUEUE,
        tag="errors",
        summary="What was merged into a group of errors",
        description="The newest 100 first.",
        parameters=(_ID,),
        answers={200: Answer(description="The errors.", body=list[Merged])},
        errors=_UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/v1/errors/{id}/merge",
        handler=merge_errors,
        needs=Needs.PERMISSION,
        tag="errors",
        summary="Merge a group of errors into another",
        description=(
            "The other takes over what this one counted, and from now on its errors; this one is gone. Both belong to"
            f" one task function in one queue. {_PERMITTED}"
        ),
        parameters=(_ID,),
        body=MergeRequest,
        answers={200: Answer(description="The other group.", body=ErrorGroup | ErrorGroupStatus)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/v1/errors/{id}/split",
        handler=split_error,
        needs=Needs.PERMISSION,
        tag="errors",
        summary="Take an error out of the group into which it was merged",
        description=f"It counts in a group of its own from now on. What it counted stays. {_PERMITTED}",
        parameters=(_ID,),
        body=SplitRequest,
        answers={200: Answer(description="The group of its own.", body=ErrorGroup | ErrorGroupStatus)},
        errors={404: "There is no such group of errors, or no such error was merged into it."},
    ),
    Operation(
        method="POST",
        path="/api/v1/errors/{id}/resolve",
        handler=resolve_error,
        needs=Needs.PERMISSION,
        tag="errors",
        summary="Resolve a group of errors",
        description=f"When it fails again, it is `regressed`. Its tasks stay as they are. {_PERMITTED}",
        parameters=(_ID,),
        answers={200: Answer(description="It is resolved.", body=ErrorGroup | ErrorGroupStatus)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/v1/errors/{id}/mute",
        handler=mute_error,
        needs=Needs.PERMISSION,
        tag="errors",
        summary="Mute a group of errors",
        description=f"It is counted, but not among the open ones, and never becomes `regressed`. {_PERMITTED}",
        parameters=(_ID,),
        body=MuteRequest,
        answers={200: Answer(description="It is muted.", body=ErrorGroup | ErrorGroupStatus)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/v1/errors/{id}/reopen",
        handler=reopen_error,
        needs=Needs.PERMISSION,
        tag="errors",
        summary="Reopen a group of errors",
        description=f"Whatever its state, it is open. {_PERMITTED}",
        parameters=(_ID,),
        answers={200: Answer(description="It is open.", body=ErrorGroup | ErrorGroupStatus)},
        errors=_UNKNOWN,
    ),
)

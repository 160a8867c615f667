"""Schedules: list, get, create, change, delete."""

from http import HTTPStatus

import msgspec
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import (
    actor_of,
    author_of,
    narrow,
    refuse_early,
    require,
    require_read,
    require_sight,
)
from lapinq_api.credentials.payloads import CARRIED
from lapinq_api.operations.bodies.schedule_object import (
    ScheduleObject,
    ScheduleStatus,
    Shown,
    objects,
    with_latest,
)
from lapinq_api.operations.bodies.schedule_request import (
    ScheduleChange,
    ScheduleRequest,
    read_change,
    read_definition,
)
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.brief import BRIEF
from lapinq_api.operations.endpoint import Answer, Needs, Operation, query_of
from lapinq_api.operations.filters.schedule import (
    CURSOR,
    NAME_PART,
    QUEUE,
    SOURCE,
    STATE,
    cursor_after_name,
    read_after,
    read_filter,
)
from lapinq_api.operations.paging import CURSOR_HEADER, CURSOR_HEADERS, LIMIT, read_limit
from lapinq_api.operations.schedule_path import NAME, act, links_to_schedule, schedule_name
from lapinq_api.state import State
from lapinq_api.wire.codec import Json, off_loop_if_large
from lapinq_core.domain.accounts.account import SCHEDULING, Permission
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.schedules import schedules
from lapinq_core.schedules.schedules import Schedule, ScheduleFilter, UnknownSchedule


class ScheduleDeleted(msgspec.Struct):
    """The name of the deleted schedule."""

    name: str
    deleted: bool = True


async def list_schedules(state: State, request: Request) -> Response:
    query = query_of(request)
    chosen = narrow(request, read_filter(query))
    found, last = await state.database.scan(_page, chosen, read_limit(query), read_after(query))
    headers = None if last is None else {CURSOR_HEADER: cursor_after_name(last)}
    return Json(await objects(found, state.payloads.for_(actor_of(request))), headers=headers)


async def create_schedule(state: State, request: Request) -> Response:
    refuse_early(request, Permission.ENQUEUE, SCHEDULING)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    with await state.admission.decoding(body):
        definition = await off_loop_if_large(body, read_definition, body, state.settings.allowed_modules)
    check_name("queue_name", definition.queue_name)
    require(request, Permission.ENQUEUE, definition.queue_name, SCHEDULING)
    made = await state.database.run(schedules.create, definition, by=author_of(request))
    return await answer_with(state, request, [(made, None)], HTTPStatus.CREATED)


async def get_schedule(state: State, request: Request) -> Response:
    found = await state.database.run(_one, schedule_name(request))
    queue = found[0][0].queue_name
    require_sight(request, queue, UnknownSchedule())
    require_read(request, queue)
    return await answer_with(state, request, found)


async def change_schedule(state: State, request: Request) -> Response:
    name = schedule_name(request)
    refuse_early(request, Permission.ENQUEUE, SCHEDULING)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    with await state.admission.decoding(body):
        version, changes = await off_loop_if_large(body, read_change, body, state.settings.allowed_modules)
    if "queue_name" in changes:
        check_name("queue_name", changes["queue_name"])
        require(request, Permission.ENQUEUE, changes["queue_name"], SCHEDULING)
    view = state.payloads.for_(actor_of(request))

    async def change(conn: psycopg.AsyncConnection, found: Schedule) -> list[Shown]:
        view.check_move(found.queue_name, changes.get("queue_name", found.queue_name), found.webhook_url)
        view.check_holds_no_mask(found.queue_name, changes)
        view.check_steering(found.queue_name, {name: getattr(found, name) for name in CARRIED}, changes)
        changed = await schedules.change(conn, name, changes, version, by=author_of(request))
        return await with_latest(conn, [changed])

    return await answer_with(
        state, request, await act(state, request, Permission.ENQUEUE, SCHEDULING, name, change)
    )


async def delete_schedule(state: State, request: Request) -> Response:
    name = schedule_name(request)
    refuse_early(request, Permission.ENQUEUE, SCHEDULING)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)

    async def delete(conn: psycopg.AsyncConnection, _: Schedule) -> None:
        await schedules.delete(conn, name, by=author_of(request))

    await act(state, request, Permission.ENQUEUE, SCHEDULING, name, delete)
    return Json(ScheduleDeleted(name))


async def answer_with(
    state: State, request: Request, found: list[Shown], status: int = HTTPStatus.OK
) -> Response:
    """The only schedule in `found`, with the payloads that the sender of `request` may see."""
    actor = actor_of(request)
    [(one, _)] = found
    if not actor.may_read(one.queue_name):
        return Json(ScheduleStatus(name=one.name, state=one.state, version=one.version), status)
    [shown] = await objects(found, state.payloads.for_(actor))
    return Json(shown, status)


async def _page(
    conn: psycopg.AsyncConnection, chosen: ScheduleFilter, limit: int, after: str | None
) -> tuple[list[Shown], str | None]:
    found, last = await schedules.list_schedules(conn, chosen, limit, after)
    return await with_latest(conn, found), last


async def _one(conn: psycopg.AsyncConnection, name: str) -> list[Shown]:
    found = await schedules.get_schedule(conn, name)
    if found is None:
        raise UnknownSchedule
    return await with_latest(conn, [found])


CHANGED = ScheduleObject | ScheduleStatus
"""What is answered to a change."""

NEEDS_SCOPE = "A key needs the scope `schedule`."

UNKNOWN = {404: "There is no schedule with this name."}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/schedules",
        handler=list_schedules,
        needs=Needs.READ_OF_QUEUE,
        tag="schedules",
        summary="List schedules, by name",
        parameters=(QUEUE, NAME_PART, STATE, SOURCE, LIMIT, CURSOR),
        answers={
            200: Answer(
                description="The schedules.",
                body=list[ScheduleObject],
                headers=CURSOR_HEADERS,
                links={
                    "list_schedules": {"cursor": "$response.header.X-Next-Cursor"},
                    **links_to_schedule("$response.body#/0/name"),
                },
            )
        },
    ),
    Operation(
        method="POST",
        path="/api/v1/schedules",
        handler=create_schedule,
        needs=Needs.PERMISSION,
        tag="schedules",
        summary="Create a schedule",
        description=f"A user needs the permission `enqueue` on the queue. {NEEDS_SCOPE} {BRIEF}",
        body=ScheduleRequest,
        answers={
            201: Answer(
                description="The schedule is created.",
                body=CHANGED,
                links=links_to_schedule("$response.body#/name"),
            )
        },
        errors={409: "A schedule with this name exists already."},
    ),
    Operation(
        method="GET",
        path="/api/v1/schedules/{name}",
        handler=get_schedule,
        needs=Needs.READ_OF_QUEUE,
        tag="schedules",
        summary="One schedule",
        parameters=(NAME,),
        answers={200: Answer(description="The schedule.", body=ScheduleObject)},
        errors=UNKNOWN,
    ),
    Operation(
        method="PATCH",
        path="/api/v1/schedules/{name}",
        handler=change_schedule,
        needs=Needs.PERMISSION,
        tag="schedules",
        summary="Change a schedule",
        description=(
            "An omitted field stays as it is; a null field gets the default of a new schedule. A tick"
            " that is due stays due unless the times change. A user needs the permission `enqueue` on the"
            f" queue, and on the new one if it changes. {NEEDS_SCOPE} A caller that sees masked values must omit"
            " those fields, and can't move the schedule to a queue where they would be shown. While such values stay,"
            f" function, webhook and other arguments stay too. {BRIEF}"
        ),
        parameters=(NAME,),
        body=ScheduleChange,
        answers={200: Answer(description="The changed schedule.", body=CHANGED)},
        errors={**UNKNOWN, 409: "Somebody else changed it: it has another version."},
    ),
    Operation(
        method="DELETE",
        path="/api/v1/schedules/{name}",
        handler=delete_schedule,
        needs=Needs.PERMISSION,
        tag="schedules",
        summary="Delete a schedule",
        description=(
            "Deletes its history too. Tasks that it enqueued stay. A user needs the permission `enqueue`"
            f" on the queue. {NEEDS_SCOPE}"
        ),
        parameters=(NAME,),
        answers={200: Answer(description="The schedule is deleted.", body=ScheduleDeleted)},
        errors=UNKNOWN,
    ),
)

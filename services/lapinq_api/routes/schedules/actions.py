"""Pauses, resumes and runs one schedule, and lists its ticks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import psycopg
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of, refuse_early, require_read, require_sight
from lapinq_api.credentials.payloads import CARRIED
from lapinq_api.operations.bodies.pause_request import PauseRequest, read_reason
from lapinq_api.operations.bodies.schedule_object import Shown, with_latest
from lapinq_api.operations.body import read_json_if_any, read_no_fields
from lapinq_api.operations.brief import BRIEF
from lapinq_api.operations.endpoint import Answer, Needs, Operation, query_of
from lapinq_api.operations.paging import (
    CURSOR_HEADERS,
    LIMIT,
    NUMBER_CURSOR,
    next_number,
    read_limit,
    read_number,
)
from lapinq_api.operations.schedule_path import NAME, act, schedule_name
from lapinq_api.operations.task_path import links_to_task
from lapinq_api.routes.schedules.schedules import CHANGED, NEEDS_SCOPE, UNKNOWN, answer_with
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.domain.accounts.account import PAUSING_SCHEDULES, SCHEDULING, Permission
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import doc
from lapinq_core.domain.tasks.task import check_json
from lapinq_core.schedules import firing, schedules, ticks
from lapinq_core.schedules.firing import RunTick
from lapinq_core.schedules.schedules import Schedule, UnknownSchedule
from lapinq_core.schedules.ticks import Tick


class RunRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The arguments of one run. An omitted field is as in the schedule."""

    args: Annotated[list[Any] | UnsetType, doc("All positional arguments.")] = UNSET
    kwargs: Annotated[dict[str, Any] | UnsetType, doc("All keyword arguments.")] = UNSET


async def pause_schedule(state: State, request: Request) -> Response:
    name = schedule_name(request)
    refuse_early(request, Permission.PAUSE, PAUSING_SCHEDULES)
    reason = read_reason(
        await read_json_if_any(
            request.scope, request.receive, state.settings.max_payload_size, state.admission
        )
    )

    async def pause(conn: psycopg.AsyncConnection, _: Schedule) -> list[Shown]:
        return await with_latest(conn, [await schedules.pause(conn, name, reason, by=author_of(request))])

    return await answer_with(
        state, request, await act(state, request, Permission.PAUSE, PAUSING_SCHEDULES, name, pause)
    )


async def resume_schedule(state: State, request: Request) -> Response:
    name = schedule_name(request)
    refuse_early(request, Permission.PAUSE, PAUSING_SCHEDULES)
    await _read_no_fields(state, request)

    async def resume(conn: psycopg.AsyncConnection, _: Schedule) -> list[Shown]:
        return await with_latest(conn, [await schedules.resume(conn, name, by=author_of(request))])

    return await answer_with(
        state, request, await act(state, request, Permission.PAUSE, PAUSING_SCHEDULES, name, resume)
    )


async def run_schedule(state: State, request: Request) -> Response:
    name = schedule_name(request)
    refuse_early(request, Permission.ENQUEUE, SCHEDULING)
    arguments = _read_arguments(
        await read_json_if_any(
            request.scope, request.receive, state.settings.max_payload_size, state.admission
        )
    )
    view = state.payloads.for_(actor_of(request))

    async def run(conn: psycopg.AsyncConnection, found: Schedule) -> tuple[RunTick, set[str]]:
        view.check_holds_no_mask(found.queue_name, arguments)
        view.check_steering(found.queue_name, {name: getattr(found, name) for name in CARRIED}, arguments)
        return await firing.run_now(conn, name, by=author_of(request), arguments=arguments)

    tick, queues = await act(state, request, Permission.ENQUEUE, SCHEDULING, name, run)
    state.notifier.wake(queues)
    return Json(tick, HTTPStatus.CREATED)


async def list_ticks(state: State, request: Request) -> Response:
    query = query_of(request)
    limit = read_limit(query)
    queue, found = await state.database.scan(_history, schedule_name(request), limit + 1, _read_before(query))
    require_sight(request, queue, UnknownSchedule())
    require_read(request, queue)
    last = _number_of(found[limit - 1].fire_at) if len(found) > limit else None
    return Json(found[:limit], headers=next_number(last))


async def _history(
    conn: psycopg.AsyncConnection, name: str, limit: int, before: datetime | None
) -> tuple[str, list[Tick]]:
    found = await schedules.get_schedule(conn, name)
    if found is None:
        raise UnknownSchedule
    return found.queue_name, (await ticks.list_ticks(conn, [found.id], limit, before))[found.id]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT = timedelta(microseconds=1)
_MAX_NUMBER = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _UNIT


def _number_of(moment: datetime) -> int:
    return (moment - _EPOCH) // _UNIT


def _read_before(query: Mapping[str, str]) -> datetime | None:
    """The time before which the page starts; any number is a valid time. Raises `InvalidValue`."""
    number = read_number(query)
    return None if number is None else _EPOCH + min(max(number, 0), _MAX_NUMBER) * _UNIT


def _read_arguments(body: bytes) -> dict[str, Any]:
    """The arguments in a body that may be empty. Raises `InvalidValue`."""
    given = msgspec.structs.asdict(decode(_run_request, body)) if body else {}
    arguments = {name: value for name, value in given.items() if value is not UNSET}
    for name, value in arguments.items():
        check_json(name, value)
    return arguments


async def _read_no_fields(state: State, request: Request) -> None:
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)


_run_request = msgspec.json.Decoder(RunRequest)

_NEEDS_PAUSE = (
    f"A user needs the permission `pause` on the queue, a key the scope `schedule` or `manage`. {BRIEF}"
)

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/schedules/{name}/pause",
        handler=pause_schedule,
        needs=Needs.PERMISSION,
        tag="schedules",
        summary="Pause a schedule",
        description=(
            "Once this returns, the schedule enqueues no more tasks, and a tick that waits for the"
            " previous run is dropped. Existing tasks are not affected. If the schedule is already paused,"
            f" the first pause and its reason stay. {_NEEDS_PAUSE}"
        ),
        parameters=(NAME,),
        body=PauseRequest,
        body_is_optional=True,
        answers={200: Answer(description="The schedule is paused.", body=CHANGED)},
        errors=UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/v1/schedules/{name}/resume",
        handler=resume_schedule,
        needs=Needs.PERMISSION,
        tag="schedules",
        summary="Resume a schedule",
        description=(
            f"Continues with the next tick from now on, without making up for missed ones. {_NEEDS_PAUSE}"
        ),
        parameters=(NAME,),
        answers={200: Answer(description="The schedule is active.", body=CHANGED)},
        errors=UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/v1/schedules/{name}/run",
        handler=run_schedule,
        needs=Needs.PERMISSION,
        tag="schedules",
        summary="Run a schedule now",
        description=(
            "An extra run, also while the schedule is paused, with the arguments in the body or its own. The overlap"
            " policy applies: if the run has to wait it is `held` and has no task yet; with arguments in the body it"
            f" can't wait. A user needs the permission `enqueue` on the queue. {NEEDS_SCOPE}"
        ),
        parameters=(NAME,),
        body=RunRequest,
        body_is_optional=True,
        answers={
            201: Answer(
                description="The task is enqueued, or waits for the previous run to end.",
                body=RunTick,
                links=links_to_task("$response.body#/task_id"),
            )
        },
        errors={
            **UNKNOWN,
            409: "The previous run has not ended, and the overlap policy skips the new one, or it can't wait.",
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/schedules/{name}/ticks",
        handler=list_ticks,
        needs=Needs.READ_OF_QUEUE,
        tag="schedules",
        summary="List a schedule's ticks, newest first",
        description=(
            f"Handled ticks are kept for {ticks.KEPT_SECONDS // 86_400} days, and always the last"
            f" {ticks.KEPT_COUNT}."
        ),
        parameters=(NAME, LIMIT, NUMBER_CURSOR),
        answers={
            200: Answer(
                description="The ticks.",
                body=list[Tick],
                headers=CURSOR_HEADERS,
                links=links_to_task("$response.body#/0/task_id"),
            )
        },
        errors=UNKNOWN,
    ),
)

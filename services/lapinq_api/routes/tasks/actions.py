"""Steers one task: cancel it or ask it to stop, requeue it, run it now, set its progress."""

import re
from http import HTTPStatus
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.endpoint import Parameter, query_of
from lapinq_api.operations.task_path import task_id, unknown_task
from lapinq_api.operations.task_permission import require_for_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import RETRY_AFTER_SECONDS, Refused
from lapinq_api.wire.query import flag
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.counted import counted
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import is_of_workflow
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.refusals import MOVING, not_cancelled, only
from lapinq_core.domain.requests.values import Id, Message, Percent, doc
from lapinq_core.domain.tasks.context import MAX_MESSAGE
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.domain.tasks.task import check_json
from lapinq_core.tasks import actions, audited_actions
from lapinq_core.tasks.actions import ProgressNoted
from lapinq_core.tasks.audited_actions import Stop
from lapinq_core.workflows.reading import place_of

CLAIM_HEADER = "X-Lapinq-Claim"
CLAIM = Parameter(
    name=CLAIM_HEADER,
    where="header",
    description="The claim_seq of the attempt that reports.",
    schema={"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
)


class Moved(msgspec.Struct, omit_defaults=True):
    """A task and its status. `cancel_requested`: it is still running and was asked to stop."""

    id: Id
    status: Status
    cancel_requested: bool = False


class ProgressRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The progress of a running task in percent, and a message."""

    progress: Percent
    message: Annotated[Message | None, doc("Null or omitted: clears the previous message.")] = None


class Progress(msgspec.Struct):
    """The stored progress."""

    id: Id
    progress: Percent
    message: str | None


async def cancel_task(state: State, request: Request) -> Response:
    which = task_id(request)
    also_running = flag("running", query_of(request).get("running"))
    await require_for_task(state, request, Permission.CANCEL, which)
    await _read_no_fields(state, request)
    outcome, status = await state.database.run(
        audited_actions.stop, which, also_running=also_running, by=author_of(request)
    )
    match outcome:
        case Stop.CANCELLED:
            return Json(Moved(which, Status.CANCELLED))
        case Stop.ASKED:
            return Json(Moved(which, Status.RUNNING, cancel_requested=True), HTTPStatus.ACCEPTED)
        case Stop.REFUSED:
            raise _not_stopped(status, also_running=also_running)


async def requeue_task(state: State, request: Request) -> Response:
    which = task_id(request)
    await require_for_task(state, request, Permission.REQUEUE, which)
    await _read_no_fields(state, request)
    queue, status = await state.database.run(audited_actions.requeue, which, by=author_of(request))
    if queue is None:
        raise _not_requeued(status)
    state.notifier.wake([queue])
    return Json(Moved(which, Status.PENDING))


async def run_task(state: State, request: Request) -> Response:
    which = task_id(request)
    await require_for_task(state, request, Permission.REQUEUE, which)
    await _read_no_fields(state, request)
    queue, status = await state.database.run(audited_actions.run_now, which, by=author_of(request))
    if queue is None:
        if status is Status.PENDING and is_of_workflow(which):
            await _refuse_blocked(state, request, which)
        raise _not_run(status)
    state.notifier.wake([queue])
    return Json(Moved(which, Status.PENDING))


async def set_progress(state: State, request: Request) -> Response:
    which = task_id(request)
    claim_seq = _claim_seq(request)
    # Programs that enqueue report on what became of it.
    await require_for_task(state, request, Permission.ENQUEUE, which)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    with state.admission.hold(len(body)):
        told = _read_progress(body)
        noted = await state.database.run(
            actions.set_progress, which, told.progress, told.message, claim_seq=claim_seq
        )
    match noted:
        case ProgressNoted.NOTED:
            return Json(Progress(which, told.progress, told.message))
        case ProgressNoted.UNKNOWN:
            raise unknown_task()
        case ProgressNoted.NOT_RUNNING:
            raise Refused(HTTPStatus.CONFLICT, "the task is not running, so it has no progress")
        case ProgressNoted.OTHER_CLAIM:
            raise Refused(
                HTTPStatus.CONFLICT,
                f"the task runs under another claim than {CLAIM_HEADER} names: it has been started again",
            )


_progress = msgspec.json.Decoder(ProgressRequest)


def _read_progress(body: bytes) -> ProgressRequest:
    told = decode(_progress, body)
    if not 0 <= told.progress <= 100:
        raise InvalidValue("progress", "must be between 0 and 100")
    if told.message is not None:
        if len(told.message) > MAX_MESSAGE:
            raise InvalidValue("message", f"must have at most {MAX_MESSAGE} characters")
        check_json("message", told.message)
    return told


def _claim_seq(request: Request) -> int | None:
    """The claim named in the header; None without it. Raises `InvalidValue`."""
    given = [value for name, value in request.scope["headers"] if name == _CLAIM]
    if not given:
        return None
    if len(given) > 1:
        raise InvalidValue(CLAIM_HEADER, "must be given once")
    # Before int(), which takes spaces and underscores, and time for very long ones.
    if not _NUMBER.fullmatch(given[0]) or (number := int(given[0])) > _MAX_CLAIM_SEQ:
        raise InvalidValue(CLAIM_HEADER, "must be the claim_seq of the attempt, a whole number")
    return number


def _not_stopped(status: Status | None, *, also_running: bool) -> Refused:
    why = not_cancelled(status, also_running=also_running)
    return _moving() if why == MOVING else Refused(HTTPStatus.NOT_FOUND, why)


def _not_requeued(status: Status | None) -> Refused:
    if status is None:
        return unknown_task()
    return _moving() if status is Status.FAILED else _only("failed", "requeued", status)


async def _refuse_blocked(state: State, request: Request, task_id: str) -> None:
    place = await state.database.run(place_of, task_id)
    if place is not None and place.waits_for:
        if actor_of(request).queues is not None:  # parents may be in other queues
            told = counted(place.waits_for, "task")
            raise Refused(HTTPStatus.CONFLICT, f"the task waits for {told} of its workflow")
        parents = [
            repr(one.ref) for one in place.parents if one.status not in FINAL and one.status != "deleted"
        ]
        rest = [f"{place.waits_for - _SHOWN_PARENTS} more"] if place.waits_for > _SHOWN_PARENTS else []
        told = " and ".join([", ".join(parents[:_SHOWN_PARENTS]), *rest])
        raise Refused(HTTPStatus.CONFLICT, f"the task waits until tasks of its workflow have ended: {told}")


def _not_run(status: Status | None) -> Refused:
    if status is None:
        return unknown_task()
    if status is Status.PENDING:
        return Refused(HTTPStatus.NOT_FOUND, "the task is not delayed: it already waits for a worker")
    return _only("pending", "run now", status)


def _moving() -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        MOVING,
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _only(wanted: str, done: str, status: Status) -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, only(wanted, done, status))


async def _read_no_fields(state: State, request: Request) -> None:
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)


_SHOWN_PARENTS = 3
_CLAIM = CLAIM_HEADER.lower().encode()
_NUMBER = re.compile(rb"[0-9]{1,19}")
_MAX_CLAIM_SEQ = 2**63 - 1

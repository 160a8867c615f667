"""Lists workers and the tasks they know, and quiets, resumes or stops one."""

from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of, readable_queues, refusal_of
from lapinq_api.operations.body import read_no_fields
from lapinq_api.operations.brief import BRIEF, readable
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.operations.task_path import read_id
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.worker import WorkerRequest, WorkerState
from lapinq_core.fleet import operators
from lapinq_core.fleet.operators import (
    DeadWorker,
    Fleet,
    RegisteredTask,
    StoppingWorker,
    UnknownWorker,
    WorkerDetails,
)

WORKER_ID = Parameter(
    name="id",
    where="path",
    description="The worker's id. Each start of a worker has a new one.",
    schema={"type": "string", "format": "uuid"},
)


class WorkerStatus(msgspec.Struct):
    """A worker as far as a key without the scope `read` is told."""

    id: str
    state: WorkerState
    asked_to: WorkerRequest | None


async def list_workers(state: State, request: Request) -> Response:
    return Json(await state.database.scan(operators.list_workers))


async def get_worker(state: State, request: Request) -> Response:
    found = await state.database.run(operators.get_worker, _worker_id(request))
    if found is None:
        raise _unknown()
    return Json(found)


async def list_registered(state: State, request: Request) -> Response:
    view, readable = state.payloads.for_(actor_of(request)), readable_queues(request)
    found = await state.database.scan(operators.list_registered, readable)
    if not view.is_whole:
        found = [
            one
            if one.parameters is None
            else msgspec.structs.replace(one, parameters=view.mask_parameters(one.parameters, one.queue_name))
            for one in found
        ]
    return Json(found)


async def quiet_worker(state: State, request: Request) -> Response:
    return await _ask(state, request, WorkerRequest.QUIET)


async def resume_worker(state: State, request: Request) -> Response:
    return await _ask(state, request, None)


async def stop_worker(state: State, request: Request) -> Response:
    return await _ask(state, request, WorkerRequest.STOP)


async def _ask(state: State, request: Request, wanted: WorkerRequest | None) -> Response:
    worker = _worker_id(request)
    _check_may_steer(request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    try:
        found = await state.database.run(operators.request, worker, wanted, by=author_of(request))
    except UnknownWorker as error:
        raise _unknown() from error
    except DeadWorker as error:
        raise Refused(HTTPStatus.CONFLICT, "this worker was declared dead") from error
    except StoppingWorker as error:
        raise Refused(HTTPStatus.CONFLICT, "this worker was asked to stop, which cannot be undone") from error
    return Json(readable(request, None, found, WorkerStatus))


def _check_may_steer(request: Request) -> None:
    """A worker serves many queues, so a request to it takes the permission to pause all of them."""
    actor = actor_of(request)
    if not actor.may(Permission.PAUSE, None):
        raise refusal_of(
            actor,
            "quiet, resume or stop workers: that requires an admin or a key with the scope manage for all queues",
        )


def _worker_id(request: Request) -> str:
    return read_id("id", request.path_params["id"], "a worker id")


def _unknown() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is no worker with this id")


_CHANGED = WorkerDetails | WorkerStatus
"""What is answered to a change."""

_UNKNOWN = {404: "There is no such worker: unknown, shut down, or dead for more than a day."}
_FIXED = {**_UNKNOWN, 409: "The worker was declared dead or asked to stop."}
_STEERING = (
    "The worker learns of it at its next heartbeat. Requires an admin, or a key with the scope `manage`."
    f" {BRIEF}"
)

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/registered",
        handler=list_registered,
        needs=Needs.READ_OF_QUEUE,
        tag="workers",
        summary="List the tasks that living workers know",
        description=(
            "Tasks that a decorator registered in modules that workers have imported: at startup, or with the first"
            " task from the module."
        ),
        answers={200: Answer(description="The tasks, by module and name.", body=list[RegisteredTask])},
    ),
    Operation(
        method="GET",
        path="/api/v1/workers",
        handler=list_workers,
        needs=Needs.READ,
        tag="workers",
        summary="List workers and what they run",
        description=f"Includes workers that died in the last day; at most {operators.MAX_WORKERS}.",
        answers={
            200: Answer(
                description="The workers: live ones first, then by name.",
                body=Fleet,
                links={
                    name: {"id": "$response.body#/workers/0/id"} for name in ("get_worker", "quiet_worker")
                },
            )
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/workers/{id}",
        handler=get_worker,
        needs=Needs.READ,
        tag="workers",
        summary="Get one worker and what it runs",
        parameters=(WORKER_ID,),
        answers={200: Answer(description="The worker.", body=WorkerDetails)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/v1/workers/{id}/quiet",
        handler=quiet_worker,
        needs=Needs.PERMISSION,
        tag="workers",
        summary="Quiet a worker",
        description=(
            f"It claims nothing new, releases what it has not started, and finishes what it runs. {_STEERING}"
        ),
        parameters=(WORKER_ID,),
        answers={200: Answer(description="The worker is asked to be quiet.", body=_CHANGED)},
        errors=_FIXED,
    ),
    Operation(
        method="POST",
        path="/api/v1/workers/{id}/resume",
        handler=resume_worker,
        needs=Needs.PERMISSION,
        tag="workers",
        summary="Resume a quiet worker",
        description=_STEERING,
        parameters=(WORKER_ID,),
        answers={200: Answer(description="The worker is asked to resume.", body=_CHANGED)},
        errors=_FIXED,
    ),
    Operation(
        method="POST",
        path="/api/v1/workers/{id}/stop",
        handler=stop_worker,
        needs=Needs.PERMISSION,
        tag="workers",
        summary="Stop a worker",
        description=(
            "Works like SIGTERM: the worker releases what it has not started and gives running tasks the"
            " grace period. A worker process exits with code 0; a worker inside a server stays stopped"
            f" until the server restarts. {_STEERING}"
        ),
        parameters=(WORKER_ID,),
        answers={200: Answer(description="The worker is asked to stop.", body=_CHANGED)},
        errors=_FIXED,
    ),
)

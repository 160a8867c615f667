"""Looking at workers, and asking them to be quiet, to go on, or to stop."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of, refusal_of
from lapinq_api.operations.body import read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.operations.task_path import read_id
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.worker import WorkerRequest
from lapinq_core.fleet import steering
from lapinq_core.fleet.steering import DeadWorker, Fleet, StoppingWorker, UnknownWorker, WorkerDetails

WORKER_ID = Parameter(
    name="id",
    where="path",
    description="The id of a worker, a new one with each start.",
    schema={"type": "string", "format": "uuid"},
)


async def list_workers(state: State, request: Request) -> Response:
    return Json(await state.database.scan(steering.list_workers))


async def get_worker(state: State, request: Request) -> Response:
    found = await state.database.run(steering.get_worker, _worker_id(request))
    if found is None:
        raise _unknown()
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
        return Json(await state.database.run(steering.ask, worker, wanted, by=author_of(request)))
    except UnknownWorker as error:
        raise _unknown() from error
    except DeadWorker as error:
        raise Refused(HTTPStatus.CONFLICT, "this worker was declared dead") from error
    except StoppingWorker as error:
        raise Refused(
            HTTPStatus.CONFLICT, "this worker was asked to stop, which can't be taken back"
        ) from error


def _check_may_steer(request: Request) -> None:
    """A worker serves many queues, so whoever asks it for something must be one who may pause all of them."""
    actor = actor_of(request)
    if not actor.may(Permission.PAUSE, None):
        raise refusal_of(
            actor, "quiet, resume or stop workers: that takes an admin or a key with the scope manage"
        )


def _worker_id(request: Request) -> str:
    return read_id("id", request.path_params["id"], "a worker id")


def _unknown() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is no worker with this id")


_UNKNOWN = {404: "There is no such worker: it never was, has signed off, or died more than a day ago."}
_FIXED = {**_UNKNOWN, 409: "The worker was declared dead, or asked to stop."}
_STEERING = "It hears of it with its next beat. That takes an admin, or a key with the scope `manage`."

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/workers",
        handler=list_workers,
        needs=Needs.READ,
        tag="workers",
        summary="Workers, and what they run",
        description=f"Those that died in the last day too; at most {steering.MOST_WORKERS}.",
        answers={
            200: Answer(
                description="The workers, the living first, then by name.",
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
        summary="One worker, and what it runs",
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
        summary="Let a worker claim nothing more",
        description=f"It hands back what it has not begun, and lets what runs end. {_STEERING}",
        parameters=(WORKER_ID,),
        answers={200: Answer(description="The worker is asked to.", body=WorkerDetails)},
        errors=_FIXED,
    ),
    Operation(
        method="POST",
        path="/api/v1/workers/{id}/resume",
        handler=resume_worker,
        needs=Needs.PERMISSION,
        tag="workers",
        summary="Let a quiet worker claim again",
        description=_STEERING,
        parameters=(WORKER_ID,),
        answers={200: Answer(description="Nothing is asked of the worker.", body=WorkerDetails)},
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
            "As SIGTERM does: what it has not begun is handed back, what runs gets its time to end. A worker process"
            f" ends with code 0, a worker in a server stays stopped until that starts anew. {_STEERING}"
        ),
        parameters=(WORKER_ID,),
        answers={200: Answer(description="The worker is asked to.", body=WorkerDetails)},
        errors=_FIXED,
    ),
)

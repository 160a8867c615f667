"""One task: get it and its attempts, and steer it."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of
from lapinq_api.operations.bodies.objects import AttemptObject, TaskObject
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.shown_payloads import about_task
from lapinq_api.operations.task_path import TASK_ID, task_id, unknown_task
from lapinq_api.operations.task_permission import require_read_of_task
from lapinq_api.routes.tasks.actions import (
    CLAIM,
    Moved,
    Progress,
    ProgressRequest,
    cancel_task,
    requeue_task,
    run_task,
    set_progress,
)
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import whole_number
from lapinq_core.tasks import inspect
from lapinq_core.tasks.inspect import MAX_ATTEMPTS

_RUNNING = '"outcome":"running"'  # as the database writes it


async def get_task(state: State, request: Request) -> Response:
    which = task_id(request)
    await require_read_of_task(state, request, which)
    found = await state.database.run(inspect.get_task, which)
    if found is None:
        raise unknown_task()
    return Json(await state.payloads.for_(actor_of(request)).encoded(found))


async def get_attempts(state: State, request: Request) -> Response:
    which = task_id(request)
    await require_read_of_task(state, request, which)
    limit = whole_number(
        "limit", query_of(request).get("limit"), MAX_ATTEMPTS, lowest=1, highest=MAX_ATTEMPTS
    )
    found = await state.database.run(inspect.get_attempts, which, limit)
    if found is None:
        raise unknown_task()
    if _RUNNING in found:
        state.watched.wake([which])
    return Json(await about_task(state, request, which, found))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}",
        handler=get_task,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="Get a task",
        parameters=(TASK_ID,),
        answers={200: Answer(description="The task.", body=TaskObject)},
        errors={404: "There is no task with this id."},
    ),
    Operation(
        method="DELETE",
        path="/api/v1/tasks/{id}",
        handler=cancel_task,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Cancel a pending task, or ask a running one to stop",
        parameters=(
            TASK_ID,
            Parameter(
                name="running",
                description="Also ask a running task to stop.",
                schema={"type": "boolean", "default": False},
            ),
        ),
        answers={
            200: Answer(description="The task is cancelled.", body=Moved),
            202: Answer(description="The task is running and was asked to stop.", body=Moved),
        },
        errors={404: "There is no such task, or it cannot be cancelled in its status."},
    ),
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}/attempts",
        handler=get_attempts,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="List a task's attempts",
        parameters=(
            TASK_ID,
            Parameter(
                name="limit",
                description="Most to answer, the latest, besides the running one.",
                schema={"type": "integer", "minimum": 1, "maximum": MAX_ATTEMPTS, "default": MAX_ATTEMPTS},
            ),
        ),
        answers={
            200: Answer(
                description="The attempts, in the order in which they ended.", body=list[AttemptObject]
            )
        },
        errors={404: "There is no task with this id."},
    ),
    Operation(
        method="PATCH",
        path="/api/v1/tasks/{id}/progress",
        handler=set_progress,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Set the progress of a running task",
        parameters=(TASK_ID, CLAIM),
        body=ProgressRequest,
        answers={200: Answer(description="What was noted.", body=Progress)},
        errors={
            404: "There is no task with this id.",
            409: ("The task is not running, or runs under another claim."),
        },
    ),
    Operation(
        method="POST",
        path="/api/v1/tasks/{id}/requeue",
        handler=requeue_task,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Requeue a failed task",
        parameters=(TASK_ID,),
        answers={200: Answer(description="It waits again.", body=Moved)},
        errors={
            404: "There is no such task, or it has not failed.",
            409: "The task `task_id` holds its unique key.",
        },
    ),
    Operation(
        method="POST",
        path="/api/v1/tasks/{id}/run",
        handler=run_task,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Run a delayed task now",
        description="For a task that is scheduled or waits for a retry. Needs the permission `requeue`.",
        parameters=(TASK_ID,),
        answers={200: Answer(description="The task is ready.", body=Moved)},
        errors={
            404: "There is no such task, or it is not delayed.",
            409: "The task waits for others of its workflow.",
        },
    ),
)

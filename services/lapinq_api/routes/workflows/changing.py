"""Closes, cancels and retries workflows."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import author_of
from lapinq_api.operations.body import read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.operations.workflow_path import (
    ALL_ITS_QUEUES,
    WORKFLOW_ID,
    WorkflowRights,
    require_for_workflow,
    rights_to_workflow,
    workflow_id,
)
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.requests.values import Id
from lapinq_core.workflows import audited

CHANGE_SECONDS = 30.0
"""For all tasks of a workflow at once; then the database ends the statement anyway."""


class WorkflowClosed(msgspec.Struct):
    """It ends once no task is left."""

    id: Id
    open: bool = False


class WorkflowCancelled(msgspec.Struct):
    """How many tasks were cancelled, or asked to stop."""

    id: Id
    cancelled: int


class WorkflowRetried(msgspec.Struct):
    """How many tasks are pending again."""

    id: Id
    retried: int


async def close_workflow(state: State, request: Request) -> Response:
    which, rights = await _which(state, request, Permission.ENQUEUE)
    await state.database.run(audited.close, which, rights, by=author_of(request))
    return Json(WorkflowClosed(which))


async def cancel_workflow(state: State, request: Request) -> Response:
    which, rights = await _which(state, request, Permission.CANCEL)
    count = await state.database.scan_within(
        CHANGE_SECONDS, audited.cancel, which, rights, by=author_of(request)
    )
    return Json(WorkflowCancelled(which, count))


async def retry_workflow(state: State, request: Request) -> Response:
    which, rights = await _which(state, request, Permission.REQUEUE)
    retried = await state.database.scan_within(
        CHANGE_SECONDS, audited.retry, which, rights, by=author_of(request)
    )
    state.notifier.wake(retried.queues)
    return Json(WorkflowRetried(which, retried.tasks))


async def _which(state: State, request: Request, permission: Permission) -> tuple[str, WorkflowRights | None]:
    which = workflow_id(request)
    await require_for_workflow(state, request, permission, which)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    return which, rights_to_workflow(state, request, permission)


_UNKNOWN = "There is no workflow with this id."

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/workflows/{id}/close",
        handler=close_workflow,
        needs=Needs.PERMISSION,
        tag="workflows",
        summary="Close an open workflow",
        description=f"It ends once no task is left. A caller needs the permission `enqueue` {ALL_ITS_QUEUES}.",
        parameters=(WORKFLOW_ID,),
        answers={200: Answer(description="It is closed.", body=WorkflowClosed)},
        errors={404: _UNKNOWN},
    ),
    Operation(
        method="DELETE",
        path="/api/v1/workflows/{id}",
        handler=cancel_workflow,
        needs=Needs.PERMISSION,
        tag="workflows",
        summary="Cancel what has not ended of a workflow",
        description=(
            "Pending tasks are cancelled, running ones are asked to stop, and an open workflow is closed. Of one that"
            f" has ended nothing changes. A caller needs the permission `cancel` {ALL_ITS_QUEUES}."
        ),
        parameters=(WORKFLOW_ID,),
        answers={200: Answer(description="How many tasks were cancelled.", body=WorkflowCancelled)},
        errors={404: _UNKNOWN},
    ),
    Operation(
        method="POST",
        path="/api/v1/workflows/{id}/retry",
        handler=retry_workflow,
        needs=Needs.PERMISSION,
        tag="workflows",
        summary="Retry what failed in a workflow",
        description=(
            "Opens a new round: runs what failed or expired, what was ended because of that, and what ran after it in"
            f" spite of it (`after_failure` is `run`). A caller needs the permission `requeue` {ALL_ITS_QUEUES}."
        ),
        parameters=(WORKFLOW_ID,),
        answers={200: Answer(description="How many tasks are pending again.", body=WorkflowRetried)},
        errors={
            404: _UNKNOWN,
            409: (
                "The workflow was cancelled, or none of its tasks failed or expired; or the task `task_id` holds the"
                " unique key of one."
            ),
        },
    ),
)

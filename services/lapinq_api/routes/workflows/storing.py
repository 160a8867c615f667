"""Stores workflows, and adds tasks to them."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Protocol, cast

import msgspec
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.auth.sessions import SESSION_KEY
from lapinq_api.credentials.caller import author_of, refuse_early
from lapinq_api.operations.body import read_json
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.operations.idempotency import (
    CONFLICT,
    HEADERS,
    IDEMPOTENCY_KEY,
    REPLAYED,
    given_key,
    ids_of,
    stored_key,
)
from lapinq_api.operations.workflow_path import (
    ALL_ITS_QUEUES,
    WORKFLOW_ID,
    links_to_workflow,
    require_for_queues,
    require_for_workflow,
    rights_to_workflow,
    workflow_id,
)
from lapinq_api.routes.tasks.enqueue import request_id
from lapinq_api.state import State
from lapinq_api.wire.codec import Json, off_loop_if_large
from lapinq_api.wire.path import route_path
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.values import Id
from lapinq_core.domain.requests.workflows import (
    AddedTasksRequest,
    Member,
    WorkflowRequest,
    in_request_order,
    in_task,
    read_added,
    read_workflow,
    unknown_parent,
)
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.intake.idempotency import Earlier, Key
from lapinq_core.intake.unique_keys import UniqueConflict
from lapinq_core.people.audit import Author
from lapinq_core.workflows import audited
from lapinq_core.workflows.storing import RefError

ROWS_PER_SECOND = 4_000
"""What a slow database stores of tasks and edges."""


class WorkflowStored(msgspec.Struct):
    """The ids of the workflow and, by ref, of the tasks that the request stored."""

    workflow_id: Id
    task_ids: dict[str, Id]


class _Store(Protocol):
    async def __call__(
        self, conn: psycopg.AsyncConnection, *, key: Key | None, by: Author | None
    ) -> tuple[Earlier | None, Taken]: ...


async def enqueue_workflow(state: State, request: Request) -> Response:
    refuse_early(request, Permission.ENQUEUE)
    body = await read_json(
        request.scope, request.receive, state.settings.max_batch_payload_size, state.admission
    )
    with await state.admission.decoding(body):
        workflow = await off_loop_if_large(
            body, read_workflow, body, state.settings.allowed_modules, request_id(request)
        )
        store = partial(audited.store, workflow=workflow)
        return await _stored(state, request, body, workflow.id, workflow.members, store)


async def add_tasks(state: State, request: Request) -> Response:
    which = workflow_id(request)
    await require_for_workflow(state, request, Permission.ENQUEUE, which)
    body = await read_json(
        request.scope, request.receive, state.settings.max_batch_payload_size, state.admission
    )
    with await state.admission.decoding(body):
        members = await off_loop_if_large(
            body, read_added, body, state.settings.allowed_modules, request_id(request)
        )
        rights = rights_to_workflow(state, request, Permission.ENQUEUE)
        store = partial(audited.add, workflow_id=which, members=members, rights=rights)
        return await _stored(state, request, body, which, members, store)


async def _stored(
    state: State, request: Request, body: bytes, workflow: str, members: Sequence[Member], store: _Store
) -> Response:
    """The answer to a request for `members`, after `store` has stored them."""
    require_for_queues(request, Permission.ENQUEUE, sorted({member.task.queue_name for member in members}))
    if (rights := rights_to_workflow(state, request, Permission.ENQUEUE)) is not None:
        rights.check_graph(members)
    key = None
    if (given := given_key(request)) is not None:
        operation = f"POST {route_path(request.scope)}"
        key = await off_loop_if_large(body, stored_key, request, given, operation, body)
    by = author_of(request) if SESSION_KEY in request.scope else None
    asked = in_request_order(members)
    tasks = [member.task for member in asked]
    try:
        outcome = await state.enqueue_batcher.put_with(
            partial(store, key=key, by=by),
            tasks,
            len(body),
            numbered=True,
            seconds=(len(members) + sum(len(member.after) for member in members)) / ROWS_PER_SECOND,
        )
    except InvalidValue as error:  # about a limit
        raise InvalidValue(f"tasks{error.loc}", error.msg) from error
    except UniqueConflict as error:
        raise error.in_batch("tasks", asked[error.number].ref) from error
    except RefError as error:
        raise _wrong_ref(members[error.number], error) from error
    ids, headers = [workflow, *(task.id for task in tasks)], None
    if outcome is None:
        state.counters.enqueued(tasks, "batch")
    else:
        ids, headers = cast("list[str]", ids_of(outcome)), REPLAYED  # none of them is fire and forget
    task_ids = {member.ref: task_id for member, task_id in zip(asked, ids[1:], strict=True)}
    return Json(WorkflowStored(ids[0], task_ids), HTTPStatus.CREATED, headers)


def _wrong_ref(member: Member, error: RefError) -> InvalidValue:
    if error.is_unknown:
        return unknown_parent(member, error.ref)
    return in_task(member.number, InvalidValue("ref", f"is that of a task in the workflow: {error.ref!r}"))


_UNIQUE = (
    "The unique key of a task that another one has refuses the whole request, whatever `on_conflict` says."
)

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/workflows",
        handler=enqueue_workflow,
        needs=Needs.PERMISSION,
        tag="workflows",
        summary="Enqueue a workflow of up to 10,000 tasks, all or none",
        description=f"A caller needs the permission `enqueue` {ALL_ITS_QUEUES}. {_UNIQUE}",
        parameters=(IDEMPOTENCY_KEY,),
        body=WorkflowRequest,
        answers={
            201: Answer(
                description="The workflow is stored.",
                body=WorkflowStored,
                headers=HEADERS,
                links=links_to_workflow("$response.body#/workflow_id"),
            )
        },
        errors={409: CONFLICT},
    ),
    Operation(
        method="POST",
        path="/api/v1/workflows/{id}/tasks",
        handler=add_tasks,
        needs=Needs.PERMISSION,
        tag="workflows",
        summary="Add tasks to a workflow that has not ended",
        description=(
            "`after` may name tasks that the workflow has. A caller needs the permission `enqueue`"
            f" {ALL_ITS_QUEUES}, and of those that it adds, and to see the results of those that their arguments name."
            f" {_UNIQUE}"
        ),
        parameters=(WORKFLOW_ID, IDEMPOTENCY_KEY),
        body=AddedTasksRequest,
        answers={201: Answer(description="The tasks are stored.", body=WorkflowStored, headers=HEADERS)},
        errors={404: "There is no workflow with this id.", 409: f"The workflow has ended. {CONFLICT}"},
    ),
)

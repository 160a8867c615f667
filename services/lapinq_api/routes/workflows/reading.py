"""Lists workflows, and shows one with its graph."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import Annotated, Any, get_args
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.filters.task_values import (
    BEGIN_OF_ID,
    CURSOR,
    cursor_after,
    ids_beginning_with,
    read_cursor,
)
from lapinq_api.operations.paging import (
    CURSOR_HEADER,
    CURSOR_HEADERS,
    LIMIT,
    cursor_parameter,
    read_limit,
)
from lapinq_api.operations.task_path import links_to_task
from lapinq_api.operations.workflow_path import WORKFLOW_ID, links_to_workflow, workflow_id
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import flag
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.json_times import encode
from lapinq_core.domain.requests.values import NAME_SCHEMA, Id, doc
from lapinq_core.domain.requests.workflows import MAX_TASKS
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.workflows import reading
from lapinq_core.workflows.reading import Edge, Node, Workflow, WorkflowStatus
from lapinq_core.workflows.storing import UnknownWorkflow


class WorkflowCounts(msgspec.Struct):
    """How many tasks have each status. Those that wait for others are pending."""

    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    expired: int
    deleted: int


class WorkflowObject(msgspec.Struct, kw_only=True):
    """A workflow. Times are in UTC."""

    id: Id
    name: str
    status: Annotated[
        WorkflowStatus,
        doc("Failed: a task failed or expired, and no task after it runs all the same."),
    ]
    metadata: dict[str, Any] | None
    open: Annotated[bool, doc("It does not end before it is closed.")]
    round: Annotated[int, doc("From 1; each retry opens one.")]
    counts: WorkflowCounts
    created_at: datetime
    ended_at: datetime | None


class WholeWorkflow(WorkflowObject, kw_only=True):
    """A workflow with its graph. Times are in UTC."""

    tasks: list[Node] | UnsetType = UNSET
    edges: Annotated[list[Edge] | UnsetType, doc("Those that lead to these tasks.")] = UNSET


async def list_workflows(state: State, request: Request) -> Response:
    query = query_of(request)
    name, status, limit = query.get("name"), query.get("status"), read_limit(query)
    if name is not None:
        check_name("name", name)
    if status is not None and status not in _STATUSES:
        raise InvalidValue("status", f"must be one of {', '.join(_STATUSES)}")
    before, first = read_cursor(query.get("cursor")), ""
    if "id" in query:
        first, last = ids_beginning_with(query["id"], "a workflow id")
        before = min(before or _after(last), _after(last))
    found = await state.database.scan(
        reading.list_workflows, name=name, status=status, before=before, limit=limit + 1
    )
    found = list(takewhile(lambda one: one.id >= first, found))  # the newest come first
    page = found[:limit]
    shown = await _shown(state, request, [_object(one) for one in page])
    return Json(shown, headers=_next(page) if len(found) > limit else None)


async def get_workflow(state: State, request: Request) -> Response:
    which, query = workflow_id(request), query_of(request)
    after = read_cursor(query.get("cursor"))
    with_tasks = "tasks" not in query or flag("tasks", query["tasks"])
    found = await state.database.run(reading.get_workflow, which)
    if found is None:
        raise UnknownWorkflow
    shown = await _shown(state, request, _object(found))
    if not with_tasks:
        return Json(shown)
    nodes, edges = await state.database.scan(reading.graph_of, which, after=after, limit=MAX_TASKS)
    graph = msgspec.json.encode({"tasks": nodes, "edges": edges})
    more = _next(nodes) if len(nodes) == MAX_TASKS else None
    return Json(shown[:-1] + b"," + graph[1:], headers=more)


async def _shown(state: State, request: Request, found: WorkflowObject | list[WorkflowObject]) -> bytes:
    return await state.payloads.for_(actor_of(request)).encoded(encode(found).decode())


def _object(found: Workflow) -> WorkflowObject:
    return WorkflowObject(
        id=found.id,
        name=found.name,
        status=found.status,
        metadata=None if found.metadata is None else msgspec.json.decode(found.metadata),
        open=found.is_open,
        round=found.round,
        counts=WorkflowCounts(**found.counts),
        created_at=found.created_at,
        ended_at=found.ended_at,
    )


def _after(workflow_id: str) -> str:
    """The lowest id above it."""
    return str(UUID(int=min(UUID(workflow_id).int + 1, _HIGHEST)))


def _next(page: Sequence[Workflow | Node]) -> dict[str, str]:
    return {CURSOR_HEADER: cursor_after(page[-1].id)}


_HIGHEST = (1 << 128) - 1
_STATUSES: tuple[WorkflowStatus, ...] = get_args(WorkflowStatus)
_FOR_ALL_QUEUES = "Only for those who may read all queues: a workflow belongs to none."

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/workflows",
        handler=list_workflows,
        needs=Needs.READ,
        tag="workflows",
        summary="List workflows, newest first",
        description=_FOR_ALL_QUEUES,
        parameters=(
            Parameter(name="name", description="Only workflows with this name.", schema=NAME_SCHEMA),
            Parameter(
                name="status",
                description="Only workflows with this status.",
                schema={"type": "string", "enum": list(_STATUSES)},
            ),
            Parameter(
                name="id",
                description="Only workflows whose id starts with this.",
                schema={"type": "string", "pattern": f"^({BEGIN_OF_ID})$"},
            ),
            LIMIT,
            cursor_parameter(CURSOR),
        ),
        answers={
            200: Answer(
                description="The workflows.",
                body=list[WorkflowObject],
                headers=CURSOR_HEADERS,
                links={
                    "list_workflows": {"cursor": "$response.header.X-Next-Cursor"},
                    **links_to_workflow("$response.body#/0/id"),
                },
            )
        },
    ),
    Operation(
        method="GET",
        path="/api/v1/workflows/{id}",
        handler=get_workflow,
        needs=Needs.READ,
        tag="workflows",
        summary="Get a workflow with its graph",
        description=(
            f"A page has at most {MAX_TASKS:,} of its tasks, and the edges that lead to them; `counts` says how many"
            f" there are. {_FOR_ALL_QUEUES}"
        ),
        parameters=(
            WORKFLOW_ID,
            Parameter(
                name="tasks",
                description="With the tasks and edges.",
                schema={"type": "boolean", "default": True},
            ),
            cursor_parameter(CURSOR),
        ),
        answers={
            200: Answer(
                description="The workflow.",
                body=WholeWorkflow,
                headers=CURSOR_HEADERS,
                links={
                    "get_workflow": {"cursor": "$response.header.X-Next-Cursor"},
                    **links_to_task("$response.body#/tasks/0/id"),
                },
            )
        },
        errors={404: "There is no workflow with this id."},
    ),
)

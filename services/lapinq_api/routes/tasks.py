"""Looking at tasks: one, its result, its attempts, and lists."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.codec import Json
from lapinq_api.database import LIST_BUDGET_SECONDS
from lapinq_api.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.query import whole_number
from lapinq_api.routes.steering import (
    CLAIM,
    Moved,
    Progress,
    ProgressRequest,
    cancel_task,
    requeue_task,
    set_progress,
)
from lapinq_api.state import State
from lapinq_api.task_path import TASK_ID, task_id, unknown_task
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.state import FINAL, Status
from lapinq_core.domain.task import check_name
from lapinq_core.queue import inspect
from lapinq_core.queue.filters import TaskFilter, containing

DEFAULT_LIMIT = 50
MOST_LISTED = 1000


class NotFinished(msgspec.Struct):
    """In place of a result that isn't there yet."""

    error: str
    status: Status


async def get_task(state: State, request: Request) -> Response:
    found = await state.database.run(inspect.get_task, task_id(request))
    if found is None:
        raise unknown_task()
    return Json(found.encode())


async def get_result(state: State, request: Request) -> Response:
    found = await state.database.run(inspect.get_result, task_id(request))
    if found is None:
        raise unknown_task()
    status, result = found
    return Json(result.encode() if status in FINAL else NotFinished("task not finished", status))


async def get_attempts(state: State, request: Request) -> Response:
    found = await state.database.run(inspect.get_attempts, task_id(request))
    if found is None:
        raise unknown_task()
    return Json(found.encode())


async def list_tasks(state: State, request: Request) -> Response:
    query = query_of(request)
    limit = whole_number("limit", query.get("limit"), DEFAULT_LIMIT, lowest=1, highest=MOST_LISTED)
    objects, last = await state.database.within(
        LIST_BUDGET_SECONDS, inspect.list_tasks, _filter(query), limit
    )
    return Json(f"[{','.join(objects)}]".encode(), headers={"X-Next-Cursor": _cursor(last)} if last else None)


def _filter(query: dict[str, str]) -> TaskFilter:
    queue, name, status, cursor = (query.get(key) for key in ("queue", "task_name", "status", "cursor"))
    if queue is not None:
        check_name("queue", queue)
    if name is not None:
        check_name("task_name", name)
    if status is not None and status not in set(Status):
        raise InvalidValue("status", f"must be one of {', '.join(Status)}")
    return TaskFilter(
        queue=queue,
        status=Status(status) if status else None,
        task_name=containing(name) if name else None,
        before=_read_cursor(cursor) if cursor is not None else None,
    )


def _cursor(last: str) -> str:
    return urlsafe_b64encode(UUID(last).bytes).rstrip(b"=").decode()


def _read_cursor(text: str) -> str:
    if not _CURSOR.fullmatch(text):
        raise InvalidValue("cursor", "must be what an X-Next-Cursor header said")
    return str(UUID(bytes=urlsafe_b64decode(f"{text}==")))


_CURSOR = re.compile(r"[A-Za-z0-9_-]{22}")

_FILTERS = (
    Parameter(name="queue", description="Only this queue."),
    Parameter(
        name="status", description="Only this status.", schema={"type": "string", "enum": list(Status)}
    ),
    Parameter(name="task_name", description="Only names that contain this, in upper or lower case (ILIKE)."),
    Parameter(
        name="limit",
        description="Most tasks to answer.",
        schema={"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": DEFAULT_LIMIT},
    ),
    Parameter(
        name="cursor", description="Go on where a page ended, with what its X-Next-Cursor header said."
    ),
)

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/tasks",
        handler=list_tasks,
        needs=Needs.READ,
        tag="tasks",
        summary="List tasks, newest first",
        parameters=_FILTERS,
        answers={200: Answer(description="The tasks.")},
    ),
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}",
        handler=get_task,
        needs=Needs.READ,
        tag="tasks",
        summary="A task in every detail",
        parameters=(TASK_ID,),
        answers={200: Answer(description="The task.")},
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
                description="Ask a running task to stop, too.",
                schema={"type": "boolean", "default": False},
            ),
        ),
        answers={
            200: Answer(description="It is cancelled.", body=Moved),
            202: Answer(description="It runs and was asked to stop.", body=Moved),
        },
        errors={404: "There is no such task, or its status does not let it be cancelled."},
    ),
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}/result",
        handler=get_result,
        needs=Needs.READ,
        tag="tasks",
        summary="The result of a task",
        parameters=(TASK_ID,),
        answers={200: Answer(description="The result, or that there is none yet.")},
        errors={404: "There is no task with this id."},
    ),
    Operation(
        method="GET",
        path="/api/v1/tasks/{id}/attempts",
        handler=get_attempts,
        needs=Needs.READ,
        tag="tasks",
        summary="The attempts of a task",
        parameters=(TASK_ID,),
        answers={200: Answer(description="The attempts in the order of their ends.")},
        errors={404: "There is no task with this id."},
    ),
    Operation(
        method="PATCH",
        path="/api/v1/tasks/{id}/progress",
        handler=set_progress,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Note how far a running task has come",
        parameters=(TASK_ID, CLAIM),
        body=ProgressRequest,
        answers={200: Answer(description="What was noted.", body=Progress)},
        errors={404: "There is no task with this id.", 409: "It does not run, or under another claim."},
    ),
    Operation(
        method="POST",
        path="/api/v1/tasks/{id}/requeue",
        handler=requeue_task,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Let a failed task wait again",
        parameters=(TASK_ID,),
        answers={200: Answer(description="It waits again.", body=Moved)},
        errors={404: "There is no such task, or it has not failed."},
    ),
)

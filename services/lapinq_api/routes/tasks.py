"""Looking at tasks: one, its result, and lists."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from http import HTTPStatus
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.codec import Json
from lapinq_api.database import LIST_BUDGET_SECONDS
from lapinq_api.endpoint import Endpoint
from lapinq_api.errors import Refused
from lapinq_api.query import read_query, whole_number
from lapinq_api.state import State
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.state import FINAL, Status
from lapinq_core.domain.task import check_name
from lapinq_core.queue import inspect
from lapinq_core.queue.filters import TaskFilter, containing

DEFAULT_LIMIT = 50
MOST_LISTED = 1000


def routes(state: State) -> list[Route]:
    return [
        Route("/api/v1/tasks", Endpoint(list_tasks, state), methods=["GET"]),
        Route("/api/v1/tasks/{id}", Endpoint(get_task, state), methods=["GET"]),
        Route("/api/v1/tasks/{id}/result", Endpoint(get_result, state), methods=["GET"]),
    ]


class NotFinished(msgspec.Struct):
    """In place of a result that isn't there yet."""

    error: str
    status: Status


async def get_task(state: State, request: Request) -> Response:
    found = await state.database.run(inspect.get_task, _task_id(request))
    if found is None:
        raise _unknown()
    return Json(found.encode())


async def get_result(state: State, request: Request) -> Response:
    found = await state.database.run(inspect.get_result, _task_id(request))
    if found is None:
        raise _unknown()
    status, result = found
    return Json(result.encode() if status in FINAL else NotFinished("task not finished", status))


async def list_tasks(state: State, request: Request) -> Response:
    query = read_query(request.scope, {"queue", "status", "task_name", "limit", "cursor"})
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


def _task_id(request: Request) -> str:
    task_id: str = request.path_params["id"]
    if not _ID.fullmatch(task_id):
        raise InvalidValue("id", "must be a task id such as 01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11")
    return task_id


def _unknown() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is no task with this id")


def _cursor(task_id: str) -> str:
    return urlsafe_b64encode(UUID(task_id).bytes).rstrip(b"=").decode()


def _read_cursor(text: str) -> str:
    if not _CURSOR.fullmatch(text):
        raise InvalidValue("cursor", "must be what an X-Next-Cursor header said")
    return str(UUID(bytes=urlsafe_b64decode(f"{text}==")))


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_CURSOR = re.compile(r"[A-Za-z0-9_-]{22}")

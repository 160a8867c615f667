"""Looking at tasks: one, its result, its attempts, and lists."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.codec import Json
from lapinq_api.database import LIST_BUDGET_SECONDS
from lapinq_api.endpoint import Endpoint, by_method
from lapinq_api.query import read_query, whole_number
from lapinq_api.routes.steering import cancel_task, requeue_task, set_progress
from lapinq_api.state import State
from lapinq_api.task_path import task_id, unknown_task
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
        by_method("/api/v1/tasks/{id}", {"GET": get_task, "DELETE": cancel_task}, state),
        Route("/api/v1/tasks/{id}/result", Endpoint(get_result, state), methods=["GET"]),
        Route("/api/v1/tasks/{id}/attempts", Endpoint(get_attempts, state), methods=["GET"]),
        Route("/api/v1/tasks/{id}/progress", Endpoint(set_progress, state), methods=["PATCH"]),
        Route("/api/v1/tasks/{id}/requeue", Endpoint(requeue_task, state), methods=["POST"]),
    ]


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
    read_query(request.scope, frozenset())
    found = await state.database.run(inspect.get_attempts, task_id(request))
    if found is None:
        raise unknown_task()
    return Json(found.encode())


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


def _cursor(last: str) -> str:
    return urlsafe_b64encode(UUID(last).bytes).rstrip(b"=").decode()


def _read_cursor(text: str) -> str:
    if not _CURSOR.fullmatch(text):
        raise InvalidValue("cursor", "must be what an X-Next-Cursor header said")
    return str(UUID(bytes=urlsafe_b64decode(f"{text}==")))


_CURSOR = re.compile(r"[A-Za-z0-9_-]{22}")

"""The overview: every queue, and the newest tasks. Read-only. As every page but the login it takes a session."""

import re
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.auth.sessions import session_of
from lapinq_api.dashboard.page import PageEndpoint, page_of
from lapinq_api.state import State
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.queue import inspect
from lapinq_core.queue.inspect import QueueCounts

TASKS_SHOWN = 50


def routes(state: State) -> list[Route]:
    return [
        Route("/", PageEndpoint(overview, state), methods=["GET"]),
        Route("/fragments/overview", PageEndpoint(overview_fragment, state), methods=["GET"]),
    ]


async def overview(state: State, request: Request) -> Response:
    return await _overview(state, request, "overview.html")


async def overview_fragment(state: State, request: Request) -> Response:
    """What changes on the overview, for the script that keeps it fresh."""
    return await _overview(state, request, "fragments/overview.html")


async def _overview(state: State, request: Request, template: str) -> Response:
    session_of(request.scope)
    try:
        shown = await state.database.run(inspect.overview, TASKS_SHOWN)
    except DatabaseUnavailable:
        return page_of(
            request,
            template,
            HTTPStatus.SERVICE_UNAVAILABLE,
            shown=None,
            total=None,
            server=server_of(request),
        )
    return page_of(request, template, shown=shown, total=total(shown.queues), server=server_of(request))


def total(queues: list[QueueCounts]) -> dict[str, int]:
    """All queues together, by status."""
    return {status: sum(getattr(queue, status) for queue in queues) for status in _STATUSES}


def server_of(request: Request) -> str:
    """How the reader reached this server, for the examples on a page."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = "127.0.0.1:8001"
    return f"{request.scope['scheme']}://{host}{request.scope.get('root_path', '')}"


_STATUSES = QueueCounts.__struct_fields__[1:]
_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")

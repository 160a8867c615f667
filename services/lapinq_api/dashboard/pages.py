"""Serves views as whole pages. As every page but the login they take a session."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lapinq_api.auth.caller import actor_of
from lapinq_api.dashboard import away
from lapinq_api.dashboard.page import page_of
from lapinq_api.dashboard.view import View
from lapinq_api.errors import Refused
from lapinq_api.state import State
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.errors import InvalidValue


class ViewEndpoint:
    """The page of a view."""

    def __init__(self, view: View, state: State) -> None:
        self._view = view
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await view_page(self._state, Request(scope, receive), self._view)
        await response(scope, receive, send)


def route(view: View, state: State) -> Route:
    return Route(view.path, ViewEndpoint(view, state), methods=["GET"])


async def view_page(state: State, request: Request, view: View) -> Response:
    """The page, or one that says why it can't be shown."""
    if view.needs_admin and not actor_of(request).is_admin:
        return _problem(state, request, HTTPStatus.FORBIDDEN, None)
    asked = view.asked(request.path_params, dict(request.query_params))
    try:
        values = await view.load(state, asked)
    except DatabaseUnavailable:
        return away.page_for(request.scope)
    except InvalidValue as error:
        return _problem(state, request, HTTPStatus.BAD_REQUEST, f"{error.loc} {error.msg}")
    except Refused as error:
        return _problem(state, request, error.status, str(error))
    return page_of(state, request, view.template, here=view.here, **values)


def _problem(state: State, request: Request, status: int, problem: str | None) -> Response:
    return page_of(state, request, "problem.html", status, code=int(status), problem=problem)

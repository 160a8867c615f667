"""Serves views as whole pages. They need a session, like every page except the login."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lapinq_api.credentials.caller import actor_of
from lapinq_api.dashboard.live import badges
from lapinq_api.dashboard.page import unavailable
from lapinq_api.dashboard.page.rendering import page_of
from lapinq_api.dashboard.page.view import Elsewhere, PageAddress, View
from lapinq_api.dashboard.page.viewer_zone import viewer_zone
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.redirect import to_page, to_query
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.errors import InvalidValue


class ViewEndpoint:
    """Serves one view."""

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
    query = dict(request.query_params)
    if view.canonical and (canonical := view.canonical(query, viewer_zone(request))) is not None:
        return to_query(request, canonical)
    address, actor = view.address(request.path_params, query), actor_of(request)
    try:
        view.check_viewer(state, actor, address)
        state.long_windows.forget_brief()  # who opens a page sees it as it is now
        values = await view.load(state, address, actor.queues)
        await badges.refresh(state)
        if view.personal:
            values |= await view.personal(state, request)
    except DatabaseUnavailable as error:
        return unavailable.page_for(request.scope, error)
    except Elsewhere as error:
        return to_page(request, error.path)
    except (InvalidValue, Refused) as error:
        return _invalid(state, request, view, address, error)
    return page_of(state, request, view.template, here=view.here, **values)


def _invalid(
    state: State, request: Request, view: View, address: PageAddress, error: InvalidValue | Refused
) -> Response:
    if isinstance(error, InvalidValue):
        status, problem = HTTPStatus.BAD_REQUEST, f"{error.loc} {error.msg}"
    else:
        status, problem = error.status, str(error)
    if view.on_invalid and status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}:
        values = view.on_invalid(address, error)
        return page_of(state, request, view.template, status, here=view.here, **values)
    return _problem(state, request, status, problem)


def _problem(state: State, request: Request, status: int, problem: str | None) -> Response:
    return page_of(state, request, "problem.html", status, code=int(status), problem=problem)

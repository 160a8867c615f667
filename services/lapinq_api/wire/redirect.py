"""Redirects within the dashboard, even if it is mounted below a prefix."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.wire.path import prefix_of, route_path


def to_login(request: Request) -> Response:
    """To the login page."""
    return _to(request, "/login")


def to_account(request: Request) -> Response:
    """To the page where users change their password."""
    return _to(request, "/account")


def to_overview(request: Request) -> Response:
    """To the overview."""
    return _to(request, "/")


def to_query(request: Request, query: Mapping[str, str]) -> Response:
    """To the requested page with other parameters."""
    path = quote(route_path(request.scope))
    return _to(request, f"{path}?{urlencode(query)}" if query else path)


def _to(request: Request, path: str) -> Response:
    location = prefix_of(request.scope) + path
    return Response(
        status_code=HTTPStatus.SEE_OTHER, headers={"Location": location, "Cache-Control": "no-store"}
    )

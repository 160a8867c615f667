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


def to_login_and_back(request: Request) -> Response:
    """To the login page, which later leads back to the requested page. From the overview: as `to_login`."""
    wanted = quote(route_path(request.scope))
    if query := request.scope["query_string"].decode("latin-1"):
        wanted = f"{wanted}?{query}"
    return to_login(request) if wanted == "/" else _to(request, f"/login?{urlencode({'next': wanted})}")


def to_page(request: Request, path: str) -> Response:
    """To a page of the dashboard. `path` is below its root, with the query string, and escaped."""
    return _to(request, path)


def to_errors(request: Request) -> Response:
    """To the errors, with the parameters of the request."""
    query = request.url.query
    return _to(request, f"/errors?{query}" if query else "/errors")


def to_query(request: Request, query: Mapping[str, str]) -> Response:
    """To the requested page with other parameters."""
    path = quote(route_path(request.scope))
    return _to(request, f"{path}?{urlencode(query)}" if query else path)


def _to(request: Request, path: str) -> Response:
    location = prefix_of(request.scope) + path
    return Response(
        status_code=HTTPStatus.SEE_OTHER, headers={"Location": location, "Cache-Control": "no-store"}
    )

"""HTML answers: templates with everything escaped, under a policy that runs no code but our own files."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lapinq_api.auth.sessions import SESSION_KEY
from lapinq_api.dashboard import static, words
from lapinq_api.endpoint import Handler
from lapinq_api.middleware.path import route_path
from lapinq_api.state import State
from lapinq_core.domain.version import __version__

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("lapinq_api"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(seconds=words.seconds, thousands=words.thousands, moment=words.moment)
_FOR_ALL = {"static": static.address, "version": __version__, "up": "", "viewer": None, "here": None}


class PageEndpoint:
    """What makes a page, with the state it works on."""

    def __init__(self, handler: Handler, state: State) -> None:
        self._handler = handler
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handler(self._state, Request(scope, receive))
        await response(scope, receive, send)


def page(
    template: str, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None, /, **values: Any
) -> Response:
    """The page that `template` makes of `values`.

    `up` among them leads from the page to the root of the dashboard: "../" for one that lies a level below.
    """
    html = fragment(template, **values)
    return Response(html, status, {**_HEADERS, **(headers or {})}, media_type="text/html")


def fragment(template: str, /, **values: Any) -> str:
    """The piece of a page that `template` makes of `values`."""
    return _templates.get_template(template).render(_FOR_ALL, **values)


def page_of(request: Request, template: str, status: int = HTTPStatus.OK, /, **values: Any) -> Response:
    """As `page`, for whoever is logged in: with what they may go to, and the warnings that concern them."""
    up = "../" * (route_path(request.scope).count("/") - 1)
    return page(template, status, up=up, viewer=request.scope.get(SESSION_KEY), **values)

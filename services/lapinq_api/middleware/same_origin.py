"""Protects against CSRF: pages of other origins can't make changes with a session that the browser sends along."""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.errors import Refused
from lapinq_api.wire.origins import SAFE_METHODS, is_same_origin
from lapinq_api.wire.path import route_path

_COOKIE = b"lapinq_session"


class SameOrigin:
    """Rejects with 403 changes that carry the session cookie and come from another origin. Logging out is a change by
    any method.

    The login is checked without a cookie, too. Otherwise a page could log its visitor in as somebody else. A request
    with a key needs no check, because a page of another origin can't send the header unless CORS allows it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_change(scope) and _is_guarded(scope) and not is_same_origin(scope):
            raise Refused(HTTPStatus.FORBIDDEN, "a page of another origin may not do this with a session")
        await self._app(scope, receive, send)


def _is_change(scope: Scope) -> bool:
    return scope["type"] == "http" and (scope["method"] not in SAFE_METHODS or route_path(scope) == "/logout")


def _is_guarded(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"cookie" and _COOKIE in value:
            return True
    return route_path(scope) in {"/login", "/welcome"}

"""Keeps the pages of other origins from making changes with a session that the browser sends along by itself."""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.errors import Refused
from lapinq_api.wire.origins import SAFE_METHODS, is_same_origin
from lapinq_api.wire.path import route_path

_COOKIE = b"lapinq_session"


class SameOrigin:
    """Refuses with 403 what changes something, carries the session cookie, and comes from elsewhere.

    Logging in is guarded without a cookie too: else a page could log its visitor in as somebody else. A key in a
    header needs no guard, for a page of another origin can't send one unless CORS allows it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_change = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if is_change and _is_guarded(scope) and not is_same_origin(scope):
            raise Refused(HTTPStatus.FORBIDDEN, "a page of another origin may not do this with a session")
        await self._app(scope, receive, send)


def _is_guarded(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"cookie" and _COOKIE in value:
            return True
    return route_path(scope) == "/login"

"""Rejects all changes, if the settings make this server read-only."""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.errors import Refused
from lapinq_api.wire.origins import SAFE_METHODS
from lapinq_api.wire.path import route_path

_LOGGING_IN = frozenset({"/login", "/logout"})


class ReadOnly:
    """Rejects with 403 every request with an unsafe method, except login and logout.

    It covers all paths, so that new ones are included. It applies to every caller, so it precedes authentication.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_change = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if is_change and route_path(scope) not in _LOGGING_IN:
            raise Refused(HTTPStatus.FORBIDDEN, "this server is read-only")
        await self._app(scope, receive, send)

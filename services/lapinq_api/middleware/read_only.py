"""Keeps whoever asks this server for something from changing anything, where the settings say so."""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.errors import Refused
from lapinq_api.wire.origins import SAFE_METHODS
from lapinq_api.wire.path import route_path

_LOGGING_IN = frozenset({"/login", "/logout"})


class ReadOnly:
    """Refuses with 403 what is sent with a method that is not safe, to any path but those of logging in and out.

    To any path, so that one which is added later is refused as well. It stands before who asks is looked up: it holds
    for all of them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_change = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if is_change and route_path(scope) not in _LOGGING_IN:
            raise Refused(HTTPStatus.FORBIDDEN, "this server is read-only: it changes nothing")
        await self._app(scope, receive, send)

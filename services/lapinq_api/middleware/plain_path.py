"""Answers 404 to paths with control characters, before any other check.

The router also finds `/login` at `/login%0A`, because `$` in its patterns matches before a trailing line feed. Checks
that compare paths would miss that.
"""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.errors import NOTHING_HERE, sentence
from lapinq_api.wire.path import has_control_character


class PlainPath:
    """Outside of every layer that decides by the path. Applies to WebSockets, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and has_control_character(scope["path"]):
            await sentence(HTTPStatus.NOT_FOUND, NOTHING_HERE)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

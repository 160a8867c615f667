"""Answers 404 to a path with a control character, before anything else looks at it.

The router finds `/login` at `/login%0A` too, because `$` in its patterns also matches before a line feed at the end.
Guards that compare paths do not.
"""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.errors import NOTHING_HERE, sentence
from lapinq_api.wire.path import has_control_character


class PlainPath:
    """Stands before every layer that decides something by the path. A WebSocket is refused in the same words."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and has_control_character(scope["path"]):
            await sentence(HTTPStatus.NOT_FOUND, NOTHING_HERE)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

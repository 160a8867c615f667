"""Turns what is raised into an answer by the one table; what nobody foresaw is logged and becomes a 500."""

import logging
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.errors import answer, sentence
from lapinq_api.wire.request_ids import SCOPE_KEY

log = logging.getLogger(__name__)


class Failures:
    """Inside of request id and log, which so cover the answer too, and around the router, whose errors it answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Else the handlers of an application around this one would be asked for the errors of our pages.
        scope["starlette.exception_handlers"] = _NO_HANDLERS
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            pass  # nobody is left to be answered
        except Exception as error:
            if scope["type"] != "http":
                raise
            response = answer(error)
            if response is None:
                log.exception("request failed", extra={"request_id": scope.get(SCOPE_KEY)})
                response = sentence(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong in the server")
            await response(scope, receive, send)


_NO_HANDLERS: tuple[dict[object, object], dict[int, object]] = ({}, {})

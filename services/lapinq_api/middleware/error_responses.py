"""Turns exceptions into error responses. Unexpected ones are logged and become a 500."""

import logging
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.errors import answer, sentence
from lapinq_api.wire.headers import REQUEST_ID_KEY

log = logging.getLogger(__name__)


class ErrorResponses:
    """Inside of request id and access log, which thus cover errors, and around the router, whose errors it handles."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Otherwise the handlers of an enclosing application would handle our errors.
        scope["starlette.exception_handlers"] = _NO_HANDLERS
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            pass  # nobody receives a response
        except Exception as error:
            if scope["type"] != "http":
                raise
            response = answer(error)
            if response is None:
                log.exception("request failed", extra={"request_id": scope.get(REQUEST_ID_KEY)})
                response = sentence(HTTPStatus.INTERNAL_SERVER_ERROR, "internal server error")
            await response(scope, receive, send)


_NO_HANDLERS: tuple[dict[object, object], dict[int, object]] = ({}, {})

"""Gives every request an id, which its response carries: the caller's `X-Request-ID` if it is well-formed."""

import os
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.middleware.response_headers import HEADERS_KEY
from lapinq_api.wire.headers import first
from lapinq_api.wire.request_ids import SCOPE_KEY


class RequestId:
    """Stores the id in the scope, under `SCOPE_KEY`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = first(scope, b"x-request-id")
        request_id = given if given and _SANE.fullmatch(given) else os.urandom(8).hex().encode()
        scope[SCOPE_KEY] = request_id.decode()
        scope[HEADERS_KEY] = [(b"x-request-id", request_id)]
        await self._app(scope, receive, send)


_SANE = re.compile(rb"[\w.:-]{1,128}")

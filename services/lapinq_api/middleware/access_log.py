"""One line a request: method, path, status, time taken, request id. Never the query string or a header."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lapinq_api.middleware.path import route_path
from lapinq_api.middleware.request_id import SCOPE_KEY

log = logging.getLogger(__name__)

_QUIET = ("/health", "/livez", "/readyz", "/metrics", "/fragments/", "/static/")
_LONGEST_PATH = 300


class AccessLog:
    """Writes at level info; what programs ask again and again by themselves at level debug."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        level = logging.DEBUG if route_path_is_quiet(scope) else logging.INFO
        if scope["type"] != "http" or not log.isEnabledFor(level):
            await self._app(scope, receive, send)
            return
        status = 0  # no answer, for the client is gone
        started = time.perf_counter()

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            # As it was sent: the decoded path could hold the end of a line.
            path = scope.get("raw_path", b"")[:_LONGEST_PATH].decode("latin-1") or ascii(scope["path"])
            elapsed = (time.perf_counter() - started) * 1000
            log.log(
                level,
                "%s %s %d %.1f ms",
                scope["method"],
                path,
                status,
                elapsed,
                extra={"request_id": scope.get(SCOPE_KEY)},
            )


def route_path_is_quiet(scope: Scope) -> bool:
    return scope["type"] == "http" and route_path(scope).startswith(_QUIET)

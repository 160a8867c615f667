"""Times every request for the metrics, by the template of its route: a path that was never declared is `other`."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lapinq_api.counted import Counted
from lapinq_core.runtime.tallies import OTHER

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ANSWER = "none"
"""Stands for the status where the client was gone before the answer."""


class HttpMetrics:
    """Outermost, so that it sees the answers of all that is inside. None of what it is given becomes a label."""

    def __init__(self, app: ASGIApp, counted: Counted) -> None:
        self._app = app
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = NO_ANSWER
        began = time.perf_counter()

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            method: str = scope["method"]
            # The router leaves the route it chose in the scope.
            route: str = getattr(scope.get("route"), "path", OTHER)
            seconds = time.perf_counter() - began
            self._counted.answered(method if method in METHODS else OTHER, route, status, seconds)

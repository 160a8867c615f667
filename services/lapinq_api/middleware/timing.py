"""Times every request, and tells those who want to know how it went: the metrics and the log."""

import time
from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Told = Callable[[Scope, int, float], None]
"""Takes the scope of a request that is through, the status it was answered with, 0 where the client was gone before the
answer, and the seconds it took."""


class Timing:
    """Outermost, so that it sees the answers of all that is inside, and what they left in the scope."""

    def __init__(self, app: ASGIApp, told: Sequence[Told]) -> None:
        self._app = app
        self._told = tuple(told)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        began = time.perf_counter()

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            seconds = time.perf_counter() - began
            for tell in self._told:
                tell(scope, status, seconds)

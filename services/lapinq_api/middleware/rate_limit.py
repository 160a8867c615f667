"""Limits requests per minute and address: those of the API, of decision links, and for live updates."""

import math
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lapinq_api.wire.errors import sentence
from lapinq_api.wire.path import is_api, route_path
from lapinq_api.wire.sockets import refuse_socket
from lapinq_api.wire.sources import source_of
from lapinq_core.durable import links

WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 50_000
_EVERYBODY_ELSE = ""


class RateLimit:
    """Counts requests by address in this minute and the one before. The latter fades as this minute passes.

    This sliding window holds the limit in any minute, approximately if requests came unevenly, with two numbers per
    address. Addresses beyond `MAX_ADDRESSES` share a count. Every response, including errors, carries the figures of
    its address, so this layer is outside of `ErrorResponses`.
    """

    def __init__(self, app: ASGIApp, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._limit = limit
        self._clock = clock
        self._window = 0
        self._this_minute: dict[str, int] = {}
        self._last_minute: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_limited(scope):
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        wait, left = self._take(source_of(client[0]) if client else _EVERYBODY_ELSE)
        headers = (
            (b"x-ratelimit-limit", b"%d" % self._limit),
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % (wait or self._end_of_window())),
        )

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        if wait:
            text = f"too many requests: this address may send {self._limit} a minute"
            response = sentence(HTTPStatus.TOO_MANY_REQUESTS, text, {"Retry-After": str(wait)})
            if scope["type"] == "websocket":
                await refuse_socket(scope, receive, send, response)
            else:
                await response(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _end_of_window(self) -> int:
        """Seconds until this minute ends and starts to fade."""
        return math.ceil(WINDOW_SECONDS - self._clock() % WINDOW_SECONDS)

    def _take(self, source: str) -> tuple[int, int]:
        """Counts a request. Returns the seconds to wait, 0 if it may pass, and how many more may pass now."""
        window, into = divmod(self._clock(), WINDOW_SECONDS)
        if window != self._window:
            self._last_minute = self._this_minute if window == self._window + 1 else {}
            self._this_minute, self._window = {}, int(window)
        if source not in self._this_minute and len(self._this_minute) >= MAX_ADDRESSES:
            source = _EVERYBODY_ELSE
        count = self._this_minute.get(source, 0)
        before = self._last_minute.get(source, 0)
        weight = count + before * (1 - into / WINDOW_SECONDS)
        if weight <= self._limit - 1:
            self._this_minute[source] = count + 1
            return 0, int(self._limit - 1 - weight)
        left = WINDOW_SECONDS - into
        if count < self._limit:  # wait until enough of the previous minute has faded
            return math.ceil(max((1 - (self._limit - 1 - count) / before) * WINDOW_SECONDS - into, 1)), 0
        # wait until this minute is the previous one, and enough of it has faded
        return math.ceil(left + WINDOW_SECONDS * (1 - (self._limit - 1) / count)), 0


def _is_limited(scope: Scope) -> bool:
    if scope["type"] == "lifespan":
        return False
    return is_api(scope) or route_path(scope) in {f"/{links.PATH}", "/ws"}

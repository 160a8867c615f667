"""At most so many API requests a minute from one address."""

import math
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lapinq_api.wire.errors import sentence
from lapinq_api.wire.path import is_api
from lapinq_api.wire.sources import source_of

WINDOW_SECONDS = 60.0
MOST_ADDRESSES = 50_000
_EVERYBODY_ELSE = ""


class RateLimit:
    """Counts this minute and the one before by address; the latter weighs as much as is left of it.

    That lets no more than the limit through in any minute, give or take how evenly the requests of the last
    one came, and takes two numbers an address. Addresses beyond `MOST_ADDRESSES` a minute share one count. Every answer
    says where its address stands, so it belongs outside of what turns errors into answers.
    """

    def __init__(self, app: ASGIApp, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._limit = limit
        self._clock = clock
        self._window = 0
        self._now: dict[str, int] = {}
        self._before: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_api(scope):
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
            text = f"more than {self._limit} requests a minute came from this address"
            response = sentence(HTTPStatus.TOO_MANY_REQUESTS, text, {"Retry-After": str(wait)})
            await response(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _end_of_window(self) -> int:
        """Seconds until this minute ends, from when on it weighs less and less."""
        return math.ceil(WINDOW_SECONDS - self._clock() % WINDOW_SECONDS)

    def _take(self, source: str) -> tuple[int, int]:
        """Counts one request. Answers the seconds to wait, 0 when it may pass, and how many more may now."""
        window, into = divmod(self._clock(), WINDOW_SECONDS)
        if window != self._window:
            self._before = self._now if window == self._window + 1 else {}
            self._now, self._window = {}, int(window)
        if source not in self._now and len(self._now) >= MOST_ADDRESSES:
            source = _EVERYBODY_ELSE
        count = self._now.get(source, 0)
        before = self._before.get(source, 0)
        weight = count + before * (1 - into / WINDOW_SECONDS)
        if weight <= self._limit - 1:
            self._now[source] = count + 1
            return 0, int(self._limit - 1 - weight)
        left = WINDOW_SECONDS - into
        if count < self._limit:  # enough of the minute before has to fade
            return math.ceil(max((1 - (self._limit - 1 - count) / before) * WINDOW_SECONDS - into, 1)), 0
        # and here of this minute, once it is the one before
        return math.ceil(left + WINDOW_SECONDS * (1 - (self._limit - 1) / count)), 0

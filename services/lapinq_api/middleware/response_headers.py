"""Completes the headers of each response, in one place: a layer that wraps `send` costs more than its headers.

Browsers may do as little as possible with a response that doesn't say otherwise.
"""

from collections.abc import Callable
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS_KEY = "lapinq.headers"
"""In the scope of a request: headers for its response, which outer layers leave here."""

_Headers = tuple[tuple[bytes, bytes], ...]

_HEADERS: _Headers = (
    (b"x-content-type-options", b"nosniff"),
    # Pages set their own policy. No other response should load or run anything.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    # Not "no-referrer", which makes browsers send forms with the origin "null".
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # Concerns embedding. CORS decides about fetching.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_HSTS: dict[str, _Headers] = {
    "host": ((b"strict-transport-security", b"max-age=31536000"),),
    "subdomains": ((b"strict-transport-security", b"max-age=31536000; includeSubDomains"),),
    "off": (),
}


class ResponseHeaders:
    """Adds what is under `HEADERS_KEY`, and the security headers that a response lacks: over TLS also that browsers
    must keep using TLS."""

    def __init__(self, app: ASGIApp, hsts: str) -> None:
        self._app = app
        self._plain, self._over_tls = _completion(_HEADERS), _completion((*_HSTS[hsts], *_HEADERS))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        missing_from = self._over_tls if scope["scheme"] == "https" else self._plain

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                missing = missing_from(tuple([name for name, _ in headers]))
                message["headers"] = [*headers, *scope.get(HEADERS_KEY, ()), *missing]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _completion(wanted: _Headers) -> Callable[[tuple[bytes, ...]], _Headers]:
    """Gives what a response with headers of some names lacks of `wanted`."""

    @lru_cache(maxsize=128)  # few combinations of names occur
    def missing_from(there: tuple[bytes, ...]) -> _Headers:
        return tuple(pair for pair in wanted if pair[0] not in there)

    return missing_from

"""Completes the headers of each response, in one place: a layer that wraps `send` costs more than its headers.

Browsers may do as little as possible with a response that doesn't say otherwise.
"""

from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS_KEY = "lapinq.headers"
"""In the scope of a request: headers for its response, which outer layers leave here."""

_HEADERS = (
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


_OVER_TLS = ((b"strict-transport-security", b"max-age=31536000"), *_HEADERS)
"""For this host only: sibling hosts may not support TLS."""


class ResponseHeaders:
    """Adds what is under `HEADERS_KEY`, and the security headers that a response lacks: over TLS also that browsers
    must keep using TLS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_tls = scope["scheme"] == "https"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                missing = _missing(is_tls, tuple([name for name, _ in headers]))
                message["headers"] = [*headers, *scope.get(HEADERS_KEY, ()), *missing]
            await send(message)

        await self._app(scope, receive, send_with_headers)


@lru_cache(maxsize=128)  # few combinations of names occur
def _missing(is_tls: bool, there: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(pair for pair in (_OVER_TLS if is_tls else _HEADERS) if pair[0] not in there)

"""Gives every request an id, and completes the headers of each response. Paths that no route has end here.

The headers are added in one place: a layer that wraps `send` costs more than its headers. Browsers may do as little as
possible with a response that doesn't say otherwise.
"""

import os
import re
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lapinq_api.wire.errors import sentence
from lapinq_api.wire.headers import REQUEST_ID_KEY, first
from lapinq_api.wire.path import has_control_character
from lapinq_core.domain.requests.refusals import NOTHING_HERE

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


class Entrance:
    """Outside of every layer that decides by the path: those that compare paths would see another one than the router,
    which also finds `/login` at `/login%0A`, because `$` in its patterns matches before a trailing line feed. So a path
    with a control character gets a 404, for WebSockets, too.

    The id is the caller's `X-Request-ID` if it is well-formed. It is in the scope, under `REQUEST_ID_KEY`, and in the
    response, which also gets the security headers that it lacks: over TLS also that browsers must keep using TLS.
    """

    def __init__(self, app: ASGIApp, hsts: str) -> None:
        self._app = app
        self._plain, self._over_tls = _completion(_HEADERS), _completion((*_HSTS[hsts], *_HEADERS))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            send = self._completing(scope, send)
        if scope["type"] != "lifespan" and has_control_character(scope["path"]):
            await sentence(HTTPStatus.NOT_FOUND, NOTHING_HERE)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _completing(self, scope: Scope, send: Send) -> Send:
        given = first(scope, b"x-request-id")
        request_id = given if given and _SANE.fullmatch(given) else os.urandom(8).hex().encode()
        scope[REQUEST_ID_KEY] = request_id.decode()
        missing_from = self._over_tls if scope["scheme"] == "https" else self._plain

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                missing = missing_from(tuple([name for name, _ in headers]))
                message["headers"] = [*headers, (b"x-request-id", request_id), *missing]
            await send(message)

        return send_with_headers


_SANE = re.compile(rb"[\w.:-]{1,128}")


def _completion(wanted: _Headers) -> Callable[[tuple[bytes, ...]], _Headers]:
    """Gives what a response with headers of some names lacks of `wanted`."""

    @lru_cache(maxsize=128)  # few combinations of names occur
    def missing_from(there: tuple[bytes, ...]) -> _Headers:
        return tuple(pair for pair in wanted if pair[0] not in there)

    return missing_from

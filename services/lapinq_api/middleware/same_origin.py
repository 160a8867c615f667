"""Keeps the pages of other origins from making changes with a session that the browser sends along by itself."""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.errors import Refused
from lapinq_api.middleware.path import route_path

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_COOKIE = b"lapinq_session"
_OWN = {b"same-origin", b"none"}
_DEFAULT_PORTS = {"http": b":80", "https": b":443"}
_HTTP = {"ws": "http", "wss": "https"}


class SameOrigin:
    """Refuses with 403 what changes something, carries the session cookie, and comes from elsewhere.

    Logging in is guarded without a cookie too: else a page could log its visitor in as somebody else. A key in a
    header needs no guard, for a page of another origin can't send one unless CORS allows it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_change = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if is_change and _is_guarded(scope) and not is_same_origin(scope):
            raise Refused(HTTPStatus.FORBIDDEN, "a page of another origin may not do this with a session")
        await self._app(scope, receive, send)


def is_same_origin(scope: Scope) -> bool:
    """Whether a request or a WebSocket comes from a page of this server, or from no page at all.

    Without the header `Sec-Fetch-Site`, which browsers send over https and to this machine, `Origin` has to name
    the scheme and host that the request itself was sent to. With neither there is no browser to protect.
    """
    sites: list[bytes] = []
    origins: list[bytes] = []
    host = b""
    for name, value in scope["headers"]:
        if name == b"sec-fetch-site":
            sites.append(value)
        elif name == b"origin":
            origins.append(value)
        elif name == b"host":
            host = value
    if sites:
        return all(site in _OWN for site in sites)
    return all(origin.lower() == _origin(scope["scheme"], host) for origin in origins)


def _origin(scheme: str, host: bytes) -> bytes:
    """As browsers write it: in lower case, without the port that goes with the scheme."""
    scheme = _HTTP.get(scheme, scheme)
    return b"%s://%s" % (scheme.encode(), host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, b":")))


def _is_guarded(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"cookie" and _COOKIE in value:
            return True
    return route_path(scope) == "/login"

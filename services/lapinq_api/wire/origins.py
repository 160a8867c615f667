"""Whether a request comes from a page of this server."""

from starlette.types import Scope

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN = {b"same-origin", b"none"}
_DEFAULT_PORTS = {"http": b":80", "https": b":443"}
_HTTP = {"ws": "http", "wss": "https"}


def is_same_origin(scope: Scope) -> bool:
    """Whether a request or WebSocket comes from a page of this server, or from no page at all.

    Without `Sec-Fetch-Site`, which browsers send over https and to localhost, `Origin` must match the scheme and host
    of the request itself. If both headers are missing, the client is no browser and needs no protection.
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
    """As browsers write it: in lower case, without the default port."""
    scheme = _HTTP.get(scheme, scheme)
    return b"%s://%s" % (scheme.encode(), host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, b":")))

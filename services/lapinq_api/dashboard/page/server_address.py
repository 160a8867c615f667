"""The URL by which a reader reached this server, for the examples on a page, and for links that carry a secret."""

import re

from starlette.requests import Request

from lapinq_core.domain.hosts.host_names import host_of, read_host_names
from lapinq_core.runtime.settings import Settings

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")


def server_of(request: Request) -> str:
    """The server's URL without a trailing slash."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = "127.0.0.1:8001"
    return f"{request.scope['scheme']}://{host}{request.scope.get('root_path', '')}"


def sure_server_of(settings: Settings, request: Request) -> str | None:
    """The server's URL for a link with a secret, which must not lead elsewhere: None if only `Host` tells it."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    host = host_of(request.headers.get("host", ""))
    if host is None:
        return None
    server = request.scope.get("server")
    is_known = (
        host == "localhost"
        or (server and host == server[0])
        or host in read_host_names(settings.allowed_hosts)
    )
    return server_of(request) if is_known else None

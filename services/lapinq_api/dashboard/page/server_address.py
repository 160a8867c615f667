"""The URL by which a reader reached this server, for the examples on a page."""

import re

from starlette.requests import Request

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")


def server_of(request: Request) -> str:
    """The server's URL without a trailing slash."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = "127.0.0.1:8001"
    return f"{request.scope['scheme']}://{host}{request.scope.get('root_path', '')}"

"""The path of a request as the router sees it, even if the application is mounted below a prefix."""

import re
from urllib.parse import quote

from starlette.types import Scope

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PLAIN = "/:@!$&'()*+,=~"
"""What browsers don't escape in a path, without the semicolon, which ends a cookie's path."""


def route_path(scope: Scope) -> str:
    """The path below the application's mount prefix."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root) or path[len(root) : len(root) + 1] not in {"", "/"}:
        return path
    return path[len(root) :]


def prefix_of(scope: Scope) -> str:
    """The application's mount prefix, escaped as in a URL."""
    return quote(scope.get("root_path", ""), safe=_PLAIN)


def is_api(scope: Scope) -> bool:
    """Whether this is an API request, to which authentication and the rate limit apply."""
    return scope["type"] == "http" and route_path(scope).startswith("/api/")


def has_control_character(path: str) -> bool:
    """Whether the decoded `path` contains a control character. No route does."""
    return _CONTROL.search(path) is not None

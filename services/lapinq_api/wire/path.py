"""The path of a request as the router sees it, also where the application is mounted below a prefix."""

import re
from urllib.parse import quote

from starlette.types import Scope

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PLAIN = "/:@!$&'()*+,=~"
"""What browsers leave as it is in a path, but for the semicolon, which ends the path of a cookie."""


def route_path(scope: Scope) -> str:
    """The path below the prefix that the application is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root) or path[len(root) : len(root) + 1] not in {"", "/"}:
        return path
    return path[len(root) :]


def prefix_of(scope: Scope) -> str:
    """The prefix that the application is mounted at, as it stands in an address."""
    return quote(scope.get("root_path", ""), safe=_PLAIN)


def is_api(scope: Scope) -> bool:
    """Whether this is a request of the API, which the key and the rate limit guard."""
    return scope["type"] == "http" and route_path(scope).startswith("/api/")


def has_control_character(path: str) -> bool:
    """Whether `path`, decoded, is one that nothing lies at."""
    return _CONTROL.search(path) is not None

"""The path of a request as the router sees it, also where the application is mounted below a prefix."""

from starlette.types import Scope


def route_path(scope: Scope) -> str:
    """The path below the prefix that the application is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root) or path[len(root) : len(root) + 1] not in {"", "/"}:
        return path
    return path[len(root) :]


def is_api(scope: Scope) -> bool:
    """Whether this is a request of the API, which the key and the rate limit guard."""
    return scope["type"] == "http" and route_path(scope).startswith("/api/")

"""Finding a header among those of a request; their names are in lower case there."""

from starlette.types import Scope


def first(scope: Scope, wanted: bytes) -> bytes | None:
    """The value of the first header called `wanted`, None without one."""
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return None

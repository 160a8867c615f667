"""Finds a header of a request. ASGI servers write names in lower case."""

from starlette.types import Scope


def first(scope: Scope, wanted: bytes) -> bytes | None:
    """The value of the first header named `wanted`, or None."""
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return None

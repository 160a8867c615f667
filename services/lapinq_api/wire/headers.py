"""Headers of a request: how to find one, and where its id is kept. ASGI servers write names in lower case."""

from starlette.types import Scope

REQUEST_ID_KEY = "lapinq.request_id"
"""The key in a request's scope under which the middleware `Entrance` stores its id."""


def first(scope: Scope, wanted: bytes) -> bytes | None:
    """The value of the first header named `wanted`, or None."""
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return None

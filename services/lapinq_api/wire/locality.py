"""Whether a request comes from this machine."""

from starlette.types import Scope

from lapinq_core.domain.exposure import is_local


def is_local_request(scope: Scope) -> bool:
    """Judges a request or WebSocket by its peer and headers, before or after `ProxyHeaders` has replaced the peer: it
    does so only with a header that makes the request foreign."""
    client = scope.get("client")
    return is_local(client[0] if client else None, (name for name, _ in scope["headers"]))

"""Takes the client's address and scheme from reverse proxies named in the settings.

Everything inside sees the client's: rate limit, login throttle, audit log, the `Secure` flag of the cookie. uvicorn's
own class accepts any text as an address, which the database might refuse to store.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.sources import Address, read_address
from lapinq_core.domain.hosts.networks import Network


class ProxyHeaders:
    """The client is the last address in `X-Forwarded-For` that is not a trusted proxy: each proxy appends one."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        peer = read_address(client[0]) if client else None
        if peer is not None and self._trusts(peer):
            self._apply_headers(scope, peer)
        await self._app(scope, receive, send)

    def _apply_headers(self, scope: Scope, peer: Address) -> None:
        forwarded: list[bytes] = []
        schemes: set[bytes] = set()
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded.append(value)
            elif name == b"x-forwarded-proto":
                schemes.add(value.strip().lower())
        if len(schemes) == 1 and (scheme := schemes.pop()) in _SCHEMES:
            scope["scheme"] = _SCHEMES[scheme][scope["type"] == "websocket"]
        found = peer
        for text in reversed(b",".join(forwarded).rsplit(b",", _MAX_PROXIES)):
            address = read_address(_without_port(text.strip().decode("latin-1")))
            if address is None:
                break  # what precedes it is from an unknown sender
            found = address
            if not self._trusts(address):
                break
        if found is not peer:
            scope["client"] = (str(found), 0)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


_SCHEMES = {
    b"http": ("http", "ws"),
    b"https": ("https", "wss"),
    b"ws": ("http", "ws"),
    b"wss": ("https", "wss"),
}
_MAX_PROXIES = 50


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text

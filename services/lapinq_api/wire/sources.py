"""Addresses of clients: what counts as one source for limits by address, and which requests come from this machine."""

import ipaddress

from starlette.types import Scope

from lapinq_core.domain.hosts.exposure import is_local

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAX_ADDRESS = 100


def source_of(address: str) -> str:
    """An IPv4 address itself, or the /64 network of an IPv6 address, from which a host may pick any."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


def read_address(text: str) -> Address | None:
    """`text` as an address, with IPv4-mapped IPv6 as IPv4; None if it isn't one."""
    if len(text) > _MAX_ADDRESS:
        return None
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_local_request(scope: Scope) -> bool:
    """Judges a request or WebSocket by its peer and headers, before or after `ProxyHeaders` has replaced the peer: it
    does so only with a header that makes the request foreign."""
    client = scope.get("client")
    return is_local(client[0] if client else None, (name for name, _ in scope["headers"]))

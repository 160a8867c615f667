"""What counts as one source for limits by address."""

import ipaddress


def source_of(address: str) -> str:
    """An IPv4 address itself, or the /64 network of an IPv6 address, from which a host may pick any."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address

"""Where requests come from, for what is counted by address."""

import ipaddress


def source_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 network that an IPv6 host picks its addresses from."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address

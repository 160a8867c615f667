"""Networks and addresses, as settings name them."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from lapinq_core.domain.errors import InvalidValue

Network = IPv4Network | IPv6Network


def read_networks(entries: Iterable[str]) -> tuple[Network, ...]:
    """The networks; an address is a network with one member. Raises `InvalidValue`, also for a network of all
    addresses."""
    found: list[Network] = []
    for entry in entries:
        try:
            network = ip_network(entry)
        except ValueError as error:
            raise InvalidValue(
                "", f"must be addresses or networks such as 10.0.0.0/8, not {entry!r}: {error}"
            ) from error
        if network.prefixlen == 0:
            raise InvalidValue("", f"must not include every address: {entry}")
        found.append(network)
    return tuple(found)

"""Networks and addresses, as settings name them."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from lapinq_core.domain.errors import InvalidValue

Network = IPv4Network | IPv6Network


def read_networks(entries: Iterable[str]) -> tuple[Network, ...]:
    """The networks; an address is one of itself. Raises `InvalidValue`, also for one that holds every address: naming
    that is naming none."""
    found: list[Network] = []
    for entry in entries:
        try:
            network = ip_network(entry)
        except ValueError as error:
            raise InvalidValue(
                "", f"must be addresses or networks such as 10.0.0.0/8, not {entry!r}: {error}"
            ) from error
        if network.prefixlen == 0:
            raise InvalidValue("", f"must be addresses or networks, not all that there are: {entry}")
        found.append(network)
    return tuple(found)

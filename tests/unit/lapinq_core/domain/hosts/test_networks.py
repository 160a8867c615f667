"""Which networks can be named."""

from ipaddress import ip_network

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.networks import read_networks


def test_an_address_is_a_network_of_itself() -> None:
    given = ["10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1"]
    kept = ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8", "::1/128"]
    assert read_networks(given) == tuple(ip_network(text) for text in kept)


@pytest.mark.parametrize(
    "text", ["proxy", "*", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "::1/200", "1.2.3.4:80", "", "10.0.0.0/8 "]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="10"):
        read_networks(["10.0.0.0/8", text])

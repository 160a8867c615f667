"""Host names of settings and of requests."""

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.host_names import is_loopback, is_sure, local_address_of, read_host_names

NAMES = read_host_names(["Tasks.Example.org.", "lapinq_api"])
NO_NAMES = [
    "https://a.example", "a.example:8001", "a.example/", "*", "*.example", "a..b", ".", "[::1]", "ä.example",
]  # fmt: skip
SURE = [
    "127.0.0.1", "127.0.0.1:8001", "10.0.0.7:80", "[::1]", "[::1]:8001", "[2001:DB8::1]", "[::ffff:10.0.0.7]:8001",
    "localhost", "LocalHost:8001", "localhost.", "localhost.:8001", "localhost:", "tasks.example.org",
    "TASKS.example.org.:443", "lapinq_api:8001",
]  # fmt: skip
UNSURE = [
    "", " ", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "app.localhost", "localhost..",
    "x.tasks.example.org", "0x7f.1", "2130706433", "127.1", "127.0.0.01", "::1", "[::1", "[127.0.0.1]", "[localhost]",
    "[::1]evil.example", "localhost:80:80", "localhost:http", "localhost@evil.example", "localhost/",
    "localhost, evil.example", "localhost\n", "\u0131p6-localhost", "localho\u017ft",
]  # fmt: skip


def test_names_are_read_in_lower_case_without_a_dot_at_the_end() -> None:
    assert {"tasks.example.org", "lapinq_api"} == NAMES


@pytest.mark.parametrize("entry", NO_NAMES)
def test_what_is_no_name_is_refused(entry: str) -> None:
    with pytest.raises(InvalidValue, match="must be host names such as"):
        read_host_names([entry])


@pytest.mark.parametrize(
    ("header", "expected"), [*((one, True) for one in SURE), *((one, False) for one in UNSURE)]
)
def test_addresses_localhost_and_named_ones_are_sure_and_no_other_name_is(
    header: str, expected: bool
) -> None:
    assert is_sure(header, NAMES) is expected


def test_which_addresses_are_of_this_machine_alone() -> None:
    for host in ("127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1", "localhost"):
        assert is_loopback(host), host
    for host in ("0.0.0.0", "::", "", "10.0.0.7", "::ffff:10.0.0.7", "my-machine"):
        assert not is_loopback(host), host


@pytest.mark.parametrize(
    ("host", "expected"),
    [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.7", "10.0.0.7"), ("box", "box")],
)
def test_a_server_on_all_addresses_is_reached_over_the_loopback_of_its_kind(host: str, expected: str) -> None:
    assert local_address_of(host) == expected

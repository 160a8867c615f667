import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.webhooks.target import is_private, read_allowed, read_target

_PRIVATE = """
    127.0.0.1 127.1.2.3 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1
    100.127.255.255 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fec0::1 ff02::1 2001:db8::1 3fff::1 5f00::1 100::1 2001::1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1::
"""
_PUBLIC = """
    1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808
"""


def test_an_address_inside_is_private_and_one_of_the_internet_is_not() -> None:
    for address in _PRIVATE.split():
        assert is_private(address), address
        assert not read_allowed([]).admits("example.com", address), address
    for address in _PUBLIC.split():
        assert not is_private(address), address
        assert read_allowed([]).admits("example.com", address), address


@pytest.mark.parametrize(
    ("entries", "host", "address", "is_admitted"),
    [
        (["hooks.internal"], "hooks.internal", "10.0.0.1", True),
        (["Hooks.Internal."], "hooks.internal", "10.0.0.1", True),
        (["hooks.internal"], "a.hooks.internal", "10.0.0.1", False),
        (["hooks.internal"], "hooksxinternal", "10.0.0.1", False),
        (["*.internal"], "a.b.internal", "10.0.0.1", True),
        (["*.internal"], "internal", "10.0.0.1", False),
        (["10.1.0.0/16"], "anything", "10.1.2.3", True),
        (["10.1.0.0/16"], "anything", "10.2.2.3", False),
        (["10.1.0.0/16"], "anything", "::ffff:10.1.2.3", True),
        (["127.0.0.1"], "2130706433", "127.0.0.1", True),
        (["127.0.0.1"], "anything", "127.0.0.2", False),
        (["::1"], "localhost", "::1", True),
        (["::1"], "localhost", "127.0.0.1", False),
        (["fd00::/8"], "anything", "fd12::1", True),
        (["*"], "anything", "127.0.0.1", True),
    ],
)
def test_what_is_let_through(entries: list[str], host: str, address: str, is_admitted: bool) -> None:
    assert read_allowed(entries).admits(host, address) is is_admitted


@pytest.mark.parametrize(
    ("public", "host", "address", "is_admitted"),
    [
        ([], "anything", "1.1.1.1", True),
        (["hooks.example"], "hooks.example", "1.1.1.1", True),
        (["hooks.example"], "a.hooks.example", "1.1.1.1", False),
        (["1.1.0.0/16"], "anything", "1.1.1.1", True),
        (["1.1.0.0/16"], "anything", "8.8.8.8", False),
        (["hooks.example"], "inside", "1.1.1.1", False),
        (["hooks.example"], "inside", "10.0.0.1", True),
        (["hooks.example"], "hooks.example", "10.0.0.1", False),
        (["*"], "hooks.example", "10.0.0.1", False),
        (["10.0.0.0/8"], "hooks.example", "10.0.0.1", False),
    ],
)
def test_each_list_decides_about_its_own_addresses(
    public: list[str], host: str, address: str, is_admitted: bool
) -> None:
    assert read_allowed(["inside"], public).admits(host, address) is is_admitted


@pytest.mark.parametrize(
    ("url", "origin", "audience"),
    [
        ("https://a.example", "https://a.example", "https://a.example/"),
        ("https://Ada:pass@A.Example.:443/b?c=d#e", "https://a.example", "https://a.example/b?c=d"),
        ("http://a.example:443/", "http://a.example:443", "http://a.example:443/"),
        ("http://[::1]:80/ü", "http://[::1]", "http://[::1]/%C3%BC"),
    ],
)
def test_whom_a_message_is_for(url: str, origin: str, audience: str) -> None:
    target = read_target(url)
    assert (target.origin, target.audience) == (origin, audience)


@pytest.mark.parametrize(
    "entry",
    ["10.0.0.1/8", "10.0.0.0/33", "300.1.1.1", "http://a", "a:80", "a/b", "a..b", "", "ü.example", "[::1]"],
)
def test_an_entry_that_is_nothing_of_all_that_is_refused(entry: str) -> None:
    with pytest.raises(InvalidValue):
        read_allowed([entry])


@pytest.mark.parametrize(
    ("url", "host", "host_header", "path"),
    [
        ("https://example.com", "example.com", "example.com", "/"),
        ("HTTPS://EXAMPLE.COM./a?b=c#d", "example.com", "example.com", "/a?b=c"),
        ("http://example.com:80/", "example.com", "example.com", "/"),
        ("https://example.com:80/", "example.com", "example.com:80", "/"),
        ("http://user:pass@example.com/", "example.com", "example.com", "/"),
        (
            "http://bücher.example/ü?ö=ä",
            "xn--bcher-kva.example",
            "xn--bcher-kva.example",
            "/%C3%BC?%C3%B6=%C3%A4",
        ),
        ("http://ⓛocalhost/", "localhost", "localhost", "/"),
        ("http://[2606:4700::0001]:81/%41", "2606:4700::1", "[2606:4700::1]:81", "/%41"),
        ("http://2130706433/", "2130706433", "2130706433", "/"),
        ("http://a_b.example/{x}", "a_b.example", "a_b.example", "/%7Bx%7D"),
    ],
)
def test_the_parts_of_a_url(url: str, host: str, host_header: str, path: str) -> None:
    target = read_target(url)
    assert (target.host, target.host_header, target.path) == (host, host_header, path)


def test_user_and_password_become_a_header() -> None:
    assert read_target("http://user:p%40ss@a/").authorization == "Basic dXNlcjpwQHNz"
    assert read_target("http://a/").authorization is None


_NO_TARGETS = [
    "ftp://a/", "http://", "http://a:99999/", "http://a:0/", "http://a b/", "http://%6c/", "http://a\\b/",
    "http://a..b/", "http://[fe80::1%25eth0]/", "http://[1.2.3.4]/", "http://[::1/", "http://a/\r\nX: y",
    "http://" + "ü" * 70 + "/",
]  # fmt: skip


@pytest.mark.parametrize("url", _NO_TARGETS)
def test_what_can_not_be_called_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue):
        read_target(url)

"""What counts as a local request, and whom an API without a key is open to."""

import pytest

from lapinq_core.domain.hosts.exposure import UNKNOWN_HOST, is_local
from lapinq_core.runtime.settings import Settings


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("127.0.0.1", True),
        ("127.0.0.6", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.7", False),
        ("::ffff:10.0.0.7", False),
        ("0.0.0.0", False),
        ("localhost", False),
        ("testclient", False),
        ("/run/lapinq.sock", False),
        ("", False),
        (None, False),
    ],
)
def test_a_request_is_local_if_its_peer_has_a_loopback_address(peer: str | None, expected: bool) -> None:
    assert is_local(peer, [b"host", b"x-api-key", b"cookie", b"x-requested-with"]) is expected


@pytest.mark.parametrize(
    "header",
    [
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-server",
        "x-forwarded",
        "x-real-ip",
        "cf-connecting-ip",
        "true-client-ip",
    ],
)
def test_what_a_proxy_forwards_is_not_local(header: str) -> None:
    assert not is_local("127.0.0.1", [b"host", header.encode()])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "local requests"),
        ({"host": "::1", "trusted_proxies": ("127.0.0.1",)}, "local requests"),
        ({"host": UNKNOWN_HOST}, "local requests"),
        ({"host": "0.0.0.0"}, "everyone"),
        ({"host": ""}, "everyone"),
        ({"host": "0.0.0.0", "api_key": "k"}, "nobody"),
        ({"require_auth": True}, "nobody"),
    ],
)
def test_without_a_key_the_api_is_open_where_it_listens(settings: dict[str, object], expected: str) -> None:
    assert Settings(**settings).open_to == expected  # pyright: ignore[reportArgumentType]

"""What counts as a local request, and whom an API without a key is open to."""

import pytest

from lapinq_core.domain.hosts.exposure import is_local
from lapinq_core.runtime.settings import Settings

HEADERS = [b"host", b"x-api-key", b"cookie", b"x-requested-with"]
OTHERS = ["10.0.0.7", "::ffff:10.0.0.7", "0.0.0.0", "localhost", "testclient", "/run/lapinq.sock", "", None]
FORWARDED = [
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-server", "x-forwarded",
    "x-real-ip", "cf-connecting-ip", "true-client-ip",
]  # fmt: skip


def test_a_request_is_local_if_its_peer_has_a_loopback_address_and_no_proxy_forwards_it() -> None:
    for peer in ("127.0.0.1", "127.0.0.6", "::1", "::ffff:127.0.0.1"):
        assert is_local(peer, HEADERS), peer
    for peer in OTHERS:
        assert not is_local(peer, HEADERS), peer
    for header in FORWARDED:
        assert not is_local("127.0.0.1", [b"host", header.encode()]), header


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "local requests"),
        ({"host": "::1", "trusted_proxies": ("127.0.0.1",)}, "local requests"),
        ({"host": "0.0.0.0"}, "local requests"),
        ({"open_api": "everyone"}, "everyone"),
        ({"open_api": "everyone", "api_key": "k"}, "nobody"),
        ({"open_api": "everyone", "require_auth": True}, "nobody"),
    ],
)
def test_without_a_key_the_api_is_open_to_local_requests_by_default(
    settings: dict[str, object], expected: str
) -> None:
    assert Settings(**settings).open_to == expected  # pyright: ignore[reportArgumentType]

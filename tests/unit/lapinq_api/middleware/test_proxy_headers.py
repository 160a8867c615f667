"""Whose word on the client's address and scheme is taken, and what is made of it."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from lapinq_api.middleware.proxy_headers import ProxyHeaders
from lapinq_core.domain.hosts.networks import read_networks

TRUSTED = ("10.0.0.0/8", "192.0.2.1", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.1.2.3", ["203.0.113.7"], "203.0.113.7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        # As a dual-stack socket has it.
        ("::ffff:10.1.2.3", ["203.0.113.7"], "203.0.113.7"),
        ("10.1.2.3", ["203.0.113.7:4711"], "203.0.113.7"),
        ("10.1.2.3", ["[2001:db8::7]:4711"], "2001:db8::7"),
        # Each proxy appends whom it saw; what the client itself said stands in front.
        ("10.1.2.3", ["1.1.1.1, 203.0.113.7, 10.9.9.9"], "203.0.113.7"),
        ("10.1.2.3", ["1.1.1.1", "203.0.113.7", "10.9.9.9"], "203.0.113.7"),
        ("10.1.2.3", ["10.5.5.5, 10.9.9.9"], "10.5.5.5"),
        # What is no address ends the search; it can't be the client's.
        ("10.1.2.3", ["1.1.1.1, unknown"], "10.1.2.3"),
        ("10.1.2.3", ["1.1.1.1, unknown, 10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", ["\x00\xff"], "10.1.2.3"),
        ("10.1.2.3", ["9" * 10_000], "10.1.2.3"),
        ("10.1.2.3", ["1.2.3.4, " * 10_000], "10.1.2.3"),
        ("10.1.2.3", ["fe80::1%eth0"], "fe80::1"),
        ("10.1.2.3", [], "10.1.2.3"),
        # Anybody else's word is not taken.
        ("203.0.113.9", ["10.1.2.3"], "203.0.113.9"),
        ("not an address", ["1.1.1.1"], "not an address"),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], client: str
) -> None:
    seen = _seen(peer, [("x-forwarded-for", value) for value in forwarded])
    assert seen["client"][0] == client


@pytest.mark.parametrize(
    ("values", "scheme", "socket_scheme"),
    [
        (["https"], "https", "wss"),
        (["HTTPS"], "https", "wss"),
        ([], "http", "ws"),
        (["gopher"], "http", "ws"),
        (["https, http"], "http", "ws"),
        (["https", "http"], "http", "ws"),
        (["http", "https"], "http", "ws"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(values: list[str], scheme: str, socket_scheme: str) -> None:
    headers = [("x-forwarded-proto", value) for value in values]
    assert _seen("10.0.0.1", headers)["scheme"] == scheme
    assert _seen("10.0.0.1", headers, kind="websocket")["scheme"] == socket_scheme
    assert _seen("203.0.113.9", headers)["scheme"] == "http"


def test_without_a_peer_nothing_is_believed() -> None:
    assert _seen(None, [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https")])["client"] is None


def _seen(peer: str | None, headers: list[tuple[str, str]], kind: str = "http") -> Scope:
    passed: list[Scope] = []

    async def app(inner: Scope, receive: Receive, send: Send) -> None:
        passed.append(inner)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        pass

    scope: Scope = {
        "type": kind,
        "scheme": "ws" if kind == "websocket" else "http",
        "client": (peer, 1234) if peer else None,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    asyncio.run(ProxyHeaders(app, read_networks(TRUSTED))(scope, receive, send))
    return passed[0]

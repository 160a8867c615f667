"""Whoever opens a socket and does not say who they are keeps nobody out who does."""

import time
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from lapinq_api import state
from lapinq_api.dashboard.live import web_socket
from tests.integration.lapinq_api.conftest import Serve
from tests.integration.lapinq_api.dashboard.live.conftest import closed_with, hear, let_in, opened, say
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, browser, log_in

pytestmark = pytest.mark.http


def token_of_somebody(server: httpx.Client) -> str:
    with browser(server) as admin, browser(server, None) as theirs:
        return log_in(theirs, add_user(admin)["username"], PASSWORD)


def test_strangers_have_places_of_their_own_and_nobody_takes_all(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_VIEWERS", 3)
    monkeypatch.setattr(state, "MAX_UNAUTHENTICATED", 4)
    server = serve(trusted_proxies=("127.0.0.1",), caller_share=0.5)
    token, others = token_of_somebody(server), token_of_somebody(server)
    with ExitStack() as stack:

        def at(address: str) -> ClientConnection:
            """A socket of a client with this address behind our proxy."""
            return stack.enter_context(opened(server, **{"X-Forwarded-For": address}))

        at("192.0.2.1")
        at("192.0.2.1")
        assert closed_with(at("192.0.2.1")) == web_socket.TRY_AGAIN_LATER
        assert "cards" in let_in(at("192.0.2.2"), token)
        second = at("192.0.2.2")
        say(second, type="auth", token=token)
        assert closed_with(second) == web_socket.TRY_AGAIN_LATER
        assert "cards" in let_in(at("192.0.2.2"), others)
        # The same network of IPv6 is one address, and at last all places are taken.
        at("2001:db8::1")
        assert closed_with(at("2001:db8::2")) == web_socket.TRY_AGAIN_LATER
        at("192.0.2.3")
        assert closed_with(at("192.0.2.4")) == web_socket.TRY_AGAIN_LATER


def test_a_stranger_is_let_go_soon_and_the_place_is_free(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_UNAUTHENTICATED", 1)
    monkeypatch.setattr(web_socket, "AUTH_SECONDS", 0.3)
    server = serve()
    token = token_of_somebody(server)
    with opened(server) as stranger:
        assert closed_with(stranger) == web_socket.POLICY_VIOLATION

    def is_let_in() -> bool:
        with opened(server) as viewer:
            try:
                return "cards" in let_in(viewer, token)
            except ConnectionClosed:
                return False

    eventually(is_let_in)


def test_messages_beyond_their_rate_wait(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_socket, "MESSAGE_BURST", 3)
    monkeypatch.setattr(web_socket, "MESSAGE_SECONDS", 0.3)
    server = serve()
    token = token_of_somebody(server)
    with opened(server) as viewer:
        began = time.monotonic()
        assert "cards" in let_in(viewer, token)
        for _ in range(5):
            viewer.send("[]")
        errors = 0
        while errors < 5:  # what is shown comes in between
            errors += "error" in hear(viewer)
        assert time.monotonic() - began >= 0.6

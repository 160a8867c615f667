"""Whoever opens a socket and does not say who they are keeps nobody out who does."""

import json
import time
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from lapinq_api import state
from lapinq_api.dashboard.live import web_socket
from tests.integration.lapinq_api.conftest import Serve
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, browser, log_in

pytestmark = pytest.mark.http


def opened(server: httpx.Client, address: str = "192.0.2.1") -> ClientConnection:
    """A socket that says nothing, of a client with this address behind our proxy."""
    return connect(
        f"ws://{server.base_url.host}:{server.base_url.port}/ws",
        proxy=None,
        additional_headers={"X-Forwarded-For": address},
    )


def code_of(socket: ClientConnection) -> int | None:
    """What the server closed it with."""
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=10)
    return closed.value.rcvd.code if closed.value.rcvd else None


def test_strangers_have_places_of_their_own_and_nobody_takes_all(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_VIEWERS", 3)
    monkeypatch.setattr(state, "MAX_UNAUTHENTICATED", 4)
    server = serve(trusted_proxies=("127.0.0.1",), caller_share=0.5)
    with browser(server) as admin:
        user, other = add_user(admin), add_user(admin)
    token = log_in(server, user["username"], PASSWORD)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(opened(server))
        assert code_of(stack.enter_context(opened(server))) == web_socket.TRY_AGAIN_LATER
        viewer = stack.enter_context(opened(server, "192.0.2.2"))
        viewer.send(json.dumps({"type": "auth", "token": token}))
        assert "cards" in json.loads(viewer.recv(timeout=10))
        second = stack.enter_context(opened(server, "192.0.2.2"))
        second.send(json.dumps({"type": "auth", "token": token}))
        assert code_of(second) == web_socket.TRY_AGAIN_LATER
        with browser(server, other["username"], PASSWORD) as theirs:
            third = stack.enter_context(opened(server, "192.0.2.2"))
            third.send(json.dumps({"type": "auth", "token": theirs.cookies["lapinq_session"]}))
            assert "cards" in json.loads(third.recv(timeout=10))
        # The same network of IPv6 is one address, and at last all places are taken.
        stack.enter_context(opened(server, "2001:db8::1"))
        assert code_of(stack.enter_context(opened(server, "2001:db8::2"))) == web_socket.TRY_AGAIN_LATER
        stack.enter_context(opened(server, "192.0.2.3"))
        assert code_of(stack.enter_context(opened(server, "192.0.2.4"))) == web_socket.TRY_AGAIN_LATER


def test_a_stranger_is_let_go_soon_and_the_place_is_free(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_UNAUTHENTICATED", 1)
    monkeypatch.setattr(web_socket, "AUTH_SECONDS", 0.3)
    server = serve()
    with browser(server) as admin:
        user = add_user(admin)
    token = log_in(server, user["username"], PASSWORD)
    with opened(server) as stranger:
        assert code_of(stranger) == web_socket.POLICY_VIOLATION

    def is_let_in() -> bool:
        with opened(server) as viewer:
            viewer.send(json.dumps({"type": "auth", "token": token}))
            try:
                return "cards" in json.loads(viewer.recv(timeout=10))
            except ConnectionClosed:
                return False

    eventually(is_let_in)


def test_messages_beyond_their_rate_wait(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_socket, "MESSAGE_BURST", 3)
    monkeypatch.setattr(web_socket, "MESSAGE_SECONDS", 0.3)
    server = serve()
    with browser(server) as admin:
        user = add_user(admin)
    token = log_in(server, user["username"], PASSWORD)
    with opened(server) as viewer:
        began = time.monotonic()
        viewer.send(json.dumps({"type": "auth", "token": token}))
        assert "cards" in json.loads(viewer.recv(timeout=10))
        for _ in range(5):
            viewer.send("[]")
        errors = 0
        while errors < 5:  # what is shown comes in between
            errors += "error" in json.loads(viewer.recv(timeout=10))
        assert time.monotonic() - began >= 0.6

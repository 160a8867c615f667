"""Hostile messages over `/ws`: whoever sends them is told or let go, and nobody else notices."""

import logging
from itertools import cycle

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.integration.lapinq_api.dashboard.live.conftest import closed_with, let_in, opened
from tests.support.http.hostile_values import MALFORMED, VALUES

pytestmark = pytest.mark.http

LET_GO = {1002, 1003, 1006, 1007, 1008, 1009}

MESSAGES: dict[str, str | bytes] = {
    **MALFORMED,
    **{
        f"{field}: {name}": b'{"%s":%s}' % (field, value)
        for field, (name, value) in zip(cycle((b"queue", b"status", b"args")), VALUES.items(), strict=False)
    },
    "text": MALFORMED["an open brace"].decode(),
    "nothing": "",
    "no bytes": b"",
    "megabytes": b"x" * 2_000_000,
    "authenticating again": '{"type": "auth", "token": "x"}',
}

FIRST: dict[str, str | bytes] = {
    **MALFORMED,
    "nothing": "",
    "megabytes": b"x" * 2_000_000,
    "no token": '{"type": "auth"}',
    "a token that is none": '{"type": "auth", "token": "nonsense"}',
    "a token that is no text": '{"type": "auth", "token": 1}',
    "a token of nothing": '{"type": "auth", "token": "\\u0000"}',
    "an empty object": "{}",
}


@pytest.fixture
def token(signed_in: httpx.Client) -> str:
    return signed_in.cookies["lapinq_session"]


def test_a_first_message_that_is_hostile_lets_nobody_in(api: httpx.Client) -> None:
    for name, message in FIRST.items():
        with opened(api) as socket:
            socket.send(message)
            assert closed_with(socket) in LET_GO, name
    assert api.get("/health").status_code == 200


def test_a_later_message_that_is_hostile_is_answered_or_ends_it(
    api: httpx.Client, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        for name, message in MESSAGES.items():
            with opened(api) as socket:
                assert "cards" in let_in(socket, token)
                assert _answered_or_closed(socket, message), name
    assert not caplog.records
    assert api.get("/health").status_code == 200


def test_a_handshake_of_another_origin_is_a_403(api: httpx.Client, token: str) -> None:
    origins = ("https://evil.example", "null", "http://127.0.0.1")
    given = [{"Origin": origin} for origin in origins]
    given += [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site")]
    for headers in given:
        cookie = {"Cookie": f"lapinq_session={token}"}
        with pytest.raises(InvalidStatus) as refused, opened(api, **headers, **cookie):
            pass
        assert refused.value.response.status_code == 403


def _answered_or_closed(socket: ClientConnection, message: str | bytes) -> bool:
    try:
        socket.send(message)
        return isinstance(socket.recv(timeout=10), str)
    except ConnectionClosed as error:
        return (error.rcvd.code if error.rcvd else 1006) in LET_GO

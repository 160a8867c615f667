"""Hostile messages over `/ws`: whoever sends them is told or let go, and nobody else notices."""

import logging

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support.http.hostile_values import MALFORMED, VALUES
from tests.support.http.people import log_in

pytestmark = pytest.mark.http

LET_GO = {1002, 1003, 1006, 1007, 1008, 1009}
AUTH = '{"type": "auth", "token": "%s"}'

MESSAGES: dict[str, str | bytes] = {
    **MALFORMED,
    **{f"text, {name}": body.decode("latin-1") for name, body in MALFORMED.items()},
    **{f"queue: {name}": b'{"queue":' + value + b"}" for name, value in VALUES.items()},
    **{f"status: {name}": b'{"status":' + value + b"}" for name, value in VALUES.items()},
    **{f"args: {name}": b'{"args":' + value + b"}" for name, value in VALUES.items()},
    "nothing": "",
    "no bytes": b"",
    "megabytes": b"x" * 2_000_000,
    "authenticating again": '{"type": "auth", "token": "x"}',
}

FIRST: dict[str, str | bytes] = {
    **MESSAGES,
    "no token": '{"type": "auth"}',
    "a token that is none": '{"type": "auth", "token": "nonsense"}',
    "a token that is no text": '{"type": "auth", "token": 1}',
    "a token of nothing": '{"type": "auth", "token": "\\u0000"}',
    "an empty object": "{}",
}


@pytest.fixture
def token(api: httpx.Client) -> str:
    with httpx.Client(base_url=api.base_url, trust_env=False) as browser:
        return log_in(browser)


def test_a_first_message_that_is_hostile_lets_nobody_in(api: httpx.Client) -> None:
    for name, message in FIRST.items():
        with _connected(api) as socket:
            assert _code_after(socket, message) in LET_GO, name
    assert api.get("/health").status_code == 200


def test_a_later_message_that_is_hostile_is_answered_or_ends_it(
    api: httpx.Client, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        for name, message in MESSAGES.items():
            with _connected(api) as socket:
                socket.send(AUTH % token)
                assert str(socket.recv(timeout=10)).startswith('{"cards"')
                assert _answered_or_closed(socket, message), name
    assert not caplog.records
    assert api.get("/health").status_code == 200


def test_a_handshake_of_another_origin_is_a_403(api: httpx.Client, token: str) -> None:
    origins = ("https://evil.example", "null", "http://127.0.0.1")
    given = [{"Origin": origin} for origin in origins]
    given += [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site")]
    for headers in given:
        cookie = {"Cookie": f"lapinq_session={token}"}
        with pytest.raises(InvalidStatus) as refused, _connected(api, {**headers, **cookie}):
            pass
        assert refused.value.response.status_code == 403


def _connected(api: httpx.Client, headers: dict[str, str] | None = None) -> ClientConnection:
    address = f"ws://{api.base_url.host}:{api.base_url.port}/ws"
    return connect(address, additional_headers=headers, proxy=None, max_size=None)


def _answered_or_closed(socket: ClientConnection, message: str | bytes) -> bool:
    try:
        socket.send(message)
        return isinstance(socket.recv(timeout=10), str)
    except ConnectionClosed as error:
        return (error.rcvd.code if error.rcvd else 1006) in LET_GO


def _code_after(socket: ClientConnection, message: str | bytes) -> int:
    """What the server closes with."""
    try:
        socket.send(message)
        while True:
            socket.recv(timeout=10)
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else 1006

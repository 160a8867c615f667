"""Sockets of tests."""

import json
from collections.abc import Callable
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.eventually import eventually


def opened(server: httpx.Client, **headers: str) -> ClientConnection:
    """A socket that has said nothing yet."""
    address = f"ws://{server.base_url.host}:{server.base_url.port}/ws"
    return connect(address, additional_headers=headers, proxy=None, max_size=None)


def say(socket: ClientConnection, **message: object) -> None:
    socket.send(json.dumps(message))


def hear(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(timeout=10))
    return message


def let_in(socket: ClientConnection, token: str) -> dict[str, Any]:
    """The first that a viewer with this token is sent."""
    say(socket, type="auth", token=token)
    return hear(socket)


def hear_until(socket: ClientConnection, check: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    last: dict[str, Any] = {}

    def look() -> bool:
        nonlocal last
        last = hear(socket)
        return check(last)

    eventually(look, 20)
    return last


def closed_with(socket: ClientConnection) -> int:
    """The code that the server closes with, whatever it sends before; 1006 where it sends none."""
    try:
        while True:
            socket.recv(timeout=10)
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else 1006

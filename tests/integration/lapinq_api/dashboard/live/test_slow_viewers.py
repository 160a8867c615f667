"""Viewers of `/ws` who don't read, ask much, or are there when the server stops: they cost others nothing."""

import json
import logging
import socket
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_api.dashboard.live import hub, web_socket
from lapinq_api.serving import socket_protocol
from lapinq_api.serving.socket_protocol import SocketProtocol
from lapinq_core.runtime.settings import Settings
from lapinq_core.tasks import inspect
from tests.integration.lapinq_api.conftest import Serve
from tests.integration.lapinq_api.dashboard.live.conftest import let_in, opened, say
from tests.support.eventually import eventually
from tests.support.http.people import log_in
from tests.support.http.serving import serving

pytestmark = pytest.mark.http

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PING = b"\x89\xfd" + bytes(4) + b"x" * 125
STUCK = (
    "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
    " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted"
)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports of clients whose connection the server is done with."""
    ports: list[int] = []
    done = SocketProtocol.connection_lost

    def connection_lost(self: SocketProtocol, exc: Exception | None) -> None:
        assert self.client is not None
        ports.append(self.client[1])
        done(self, exc)

    monkeypatch.setattr(SocketProtocol, "connection_lost", connection_lost)
    monkeypatch.setattr(socket_protocol, "UNREAD_SECONDS", 0.5)
    monkeypatch.setattr(web_socket, "SEND_SECONDS", 0.3)
    return ports


def test_who_reads_nothing_is_cut_off(
    api: httpx.Client, lost: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub, "INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(hub, "MIN_INTERVAL_SECONDS", 0.0)
    for number in range(30):
        body = {"task_name": "x" * 250, "module_path": "math", "queue_name": f"{number} {'y' * 200}"}
        assert api.post("/api/v1/enqueue", json=body).status_code == 201
    with httpx.Client(base_url=api.base_url, trust_env=False) as browser:
        token = log_in(browser)
    with caplog.at_level(logging.WARNING), unread_socket(api) as viewer:
        viewer.sendall(_text(json.dumps({"type": "auth", "token": token})))
        port: int = viewer.getsockname()[1]
        eventually(lambda: port in lost, 20)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_who_pings_and_reads_nothing_is_cut_off(api: httpx.Client, lost: list[int]) -> None:
    with unread_socket(api) as viewer:
        viewer.settimeout(0.2)
        port: int = viewer.getsockname()[1]

        def flood() -> bool:
            try:
                for _ in range(1000):
                    viewer.sendall(PING)
            except OSError:
                pass
            return port in lost

        eventually(flood, 20)


def test_those_who_look_leave_connections_to_the_others(
    serve: Serve, api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = inspect.newest_tasks

    async def stuck(conn: psycopg.AsyncConnection, *args: Any) -> Any:
        await conn.execute("SELECT pg_advisory_xact_lock(1)")
        return await quick(conn, *args)

    monkeypatch.setattr(inspect, "newest_tasks", stuck)
    server = serve(pool_size=3)
    token = log_in(server)
    with psycopg.connect(api_database) as holder, ExitStack() as stack:
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        for _ in range(12):
            say(stack.enter_context(opened(server)), type="auth", token=token)
        eventually(lambda: holder.execute(STUCK).fetchone())
        for _ in range(5):
            assert server.get("/me").status_code == 200
        assert holder.execute(STUCK).fetchone()


def test_the_server_stops_with_viewers_of_every_kind(database: str, caplog: pytest.LogCaptureFixture) -> None:
    with ExitStack() as stack, caplog.at_level(logging.ERROR):
        with serving(build_app(Settings(database_url=database))) as client:
            token = log_in(client)
            stack.enter_context(unread_socket(client))
            unread = stack.enter_context(unread_socket(client))
            unread.sendall(_text(json.dumps({"type": "auth", "token": token})))
            let_in(stack.enter_context(opened(client)), token)
            began = time.monotonic()
        assert time.monotonic() - began < 5
    assert not caplog.records


@contextmanager
def unread_socket(server: httpx.Client) -> Generator[socket.socket]:
    """A socket that was let in, with little room for what it doesn't read."""
    with socket.socket() as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.connect((server.base_url.host, server.base_url.port))
        viewer.sendall(HANDSHAKE)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += viewer.recv(1)
        assert answer.startswith(b"HTTP/1.1 101 ")
        yield viewer


def _text(content: str) -> bytes:
    """A message, masked by zeros."""
    data = content.encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data)]) + bytes(4) + data

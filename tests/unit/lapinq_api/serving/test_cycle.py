"""How responses leave: the usual ones in one write, the others as uvicorn sends them."""

import asyncio
import importlib.util
import sys

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http import httptools_impl
from uvicorn.server import ServerState

from lapinq_api.serving import protocol as protocols
from lapinq_api.serving.connection_limits import UNCOUNTED_BYTES, ConnectionLimits
from lapinq_api.serving.protocol import HttpProtocol
from lapinq_api.serving.socket_protocol import SocketProtocol
from lapinq_core.runtime.settings import Settings

LARGE = 100_000
LENGTH = (b"content-length", b"2")
CLOSE = (b"connection", b"close")


def head(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(data: bytes, *, more_body: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more_body}


class Connection(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = False
        self.is_read = True
        self.is_paused = False
        self.protocol: asyncio.BaseProtocol = asyncio.Protocol()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))
        if not self.is_read and not self.is_paused and len(data) > UNCOUNTED_BYTES:
            self.is_paused = True
            self.protocol.pause_writing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def exchange(
    request: bytes,
    *messages: Message,
    error: Exception | None = None,
    http: type[HttpProtocol] = HttpProtocol,
    unread: int = 0,
    then: bytes = b"",
) -> Connection:
    """The connection after an application got `request` and sent `messages`; others have `unread` bytes to read.

    With `then` the client sends that as well, and reads nothing.
    """

    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        if error is not None:
            raise error

    async def run() -> Connection:
        connection, state = Connection(), ServerState()
        connection.is_read = not then
        config = Config(application, lifespan="off", log_config=None, proxy_headers=False, ws=SocketProtocol)
        limits = ConnectionLimits(Settings(max_unread_size=LARGE))
        limits.unread.add("another", unread)
        protocol = http(config, state, {}, asyncio.get_running_loop(), limits=limits)
        connection.set_protocol(protocol)
        protocol.connection_made(connection)
        protocol.data_received(request)
        await asyncio.gather(*state.tasks)
        if then:
            protocol.data_received(then)
        connection.protocol.connection_lost(ConnectionError())
        assert (limits.unread.held, limits.places.held, protocol.flow.write_paused) == (unread, 0, False)
        await asyncio.gather(*state.tasks)
        return connection

    return asyncio.run(run())


GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)


def test_the_usual_response_leaves_in_one_write() -> None:
    connection = exchange(GET, head(LENGTH, (b"X-Odd", b"1")), body(b"ok"))
    assert connection.writes == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-odd: 1\r\n\r\nok"]


@pytest.mark.parametrize(
    ("method", "messages", "ending"),
    [
        (b"HEAD", (head(LENGTH), body(b"ok")), b"content-length: 2\r\n\r\n"),
        (b"GET", (head(LENGTH), body(b"o", more_body=True), body(b"k")), b"content-length: 2\r\n\r\nok"),
        (b"GET", (head(), body(b"ok")), b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        (b"GET", (head(LENGTH, CLOSE), body(b"ok")), b"connection: close\r\n\r\nok"),
        (b"GET", (head(status=204), body(b"")), b"HTTP/1.1 204 No Content\r\n\r\n"),
    ],
)
def test_other_responses_are_as_uvicorn_has_them(
    method: bytes, messages: tuple[Message, ...], ending: bytes
) -> None:
    connection = exchange(GET.replace(b"GET", method), *messages)
    assert b"".join(connection.writes).endswith(ending)
    assert connection.is_closed is (b"close" in ending)


def test_an_error_between_head_and_body_is_a_500() -> None:
    connection = exchange(GET, head(LENGTH), error=ValueError())
    assert b"".join(connection.writes).startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("header", [(b"x-a", b"1\r\nx-b: 2"), (b"x a", b"1")])
def test_a_header_that_would_split_the_head_is_never_sent(header: tuple[bytes, bytes]) -> None:
    connection = exchange(GET, head(LENGTH, header), body(b"ok"))
    assert b"x-b" not in b"".join(connection.writes)
    assert connection.is_closed


@pytest.fixture
def fallback(monkeypatch: pytest.MonkeyPatch) -> type[HttpProtocol]:
    """The connection class with a uvicorn that lacks the names that the short way takes."""
    monkeypatch.delattr(httptools_impl, "STATUS_LINE")
    monkeypatch.delitem(sys.modules, "lapinq_api.serving.cycle")
    spec = importlib.util.find_spec(protocols.__name__)
    assert spec is not None
    assert spec.loader is not None
    changed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(changed)
    monkeypatch.undo()
    return changed.HttpProtocol


def test_a_uvicorn_without_the_names_that_this_takes_sends_the_same(fallback: type[HttpProtocol]) -> None:
    connection = exchange(GET, head(LENGTH), body(b"ok"), http=fallback)
    assert connection.writes == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"ok"]


@pytest.mark.parametrize(("method", "status"), [(b"GET", b"500"), (b"HEAD", b"500"), (b"POST", b"200")])
def test_a_large_response_needs_room_unless_it_tells_of_a_change(
    fallback: type[HttpProtocol], method: bytes, status: bytes
) -> None:
    messages = head((b"content-length", b"%d" % LARGE)), body(bytes(LARGE))
    for http in (HttpProtocol, fallback):
        connection = exchange(GET.replace(b"GET", method), *messages, unread=LARGE, http=http)
        assert b"".join(connection.writes).startswith(b"HTTP/1.1 %s " % status)
        connection = exchange(GET.replace(b"GET", method), *messages, unread=LARGE - 1, http=http)
        assert b"".join(connection.writes).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("then", [UPGRADE, GET + UPGRADE], ids=["unread", "one more waits"])
def test_no_websocket_begins_on_a_connection_whose_response_is_unread(then: bytes) -> None:
    messages = head((b"content-length", b"%d" % LARGE)), body(bytes(LARGE))
    connection = exchange(GET, *messages, then=then)
    assert connection.is_closed
    assert isinstance(connection.protocol, HttpProtocol)

"""uvicorn's HTTP/1.1, with bounds on what it leaves unbounded: connections, headers, and how long a client may dawdle.

A connection on which nothing is being answered is closed when no whole head of a request comes within `HEAD_SECONDS`:
one that says nothing, one that sends its headers byte by byte, one that goes on sending a body that was refused.
(uvicorn's own shorter limit holds between two requests, as long as nothing comes at all.) While a request is being
answered the time is the application's; `body` has a limit of its own. A client that takes nothing of what was written
for `UNREAD_SECONDS` is cut off, and so is one that goes on with a body which was answered before its end.
"""

import asyncio
import os
import resource
from http import HTTPStatus
from typing import Any, cast

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from lapinq_api.operations.body import WHOLE_KEY
from lapinq_api.serving.unread import UnreadWatch
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import RETRY_AFTER_SECONDS, sentence

MOST_CONNECTIONS = 5000
OTHER_FILES = 256
"""What the process needs of its limit of open files for anything but connections."""
MOST_HEAD_BYTES = 64 * 1024
"""Of the request line and the headers; and of what stands beside the bytes of a chunked body."""
MOST_HEADERS = 200
MOST_REFUSED_BYTES = 1024 * 1024
"""Of a body that come after its answer: to a login that has expired, say. Below that the connection is kept."""
HEAD_SECONDS = 20.0
UNREAD_SECONDS = 30.0
_SHORT_BYTES = 8 * 1024
_CHUNK_OVERHEAD = 8
_SPARE = 100


class HttpProtocol(HttpToolsProtocol):
    """One connection. Above `MOST_CONNECTIONS` requests are answered 503; a little above that it is cut off unheard."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._application = self.app
        self._most = most_connections()
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread = UnreadWatch(self.loop, UNREAD_SECONDS)
        self._is_websocket = False
        self._is_in_head = False
        self._piece = 0  # bytes that arrived last
        self._beside_body = 0  # bytes since then and before, but for the piece in which the request began
        self._refused = 0  # bytes of a body since its answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > self._most + _SPARE:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._beside_body += len(data)
        self._piece = len(data)
        super().data_received(data)
        if self._is_websocket or self.transport.is_closing():
            return
        is_answering = self._is_answering()
        if self._refused > MOST_REFUSED_BYTES:
            self._close()
        elif self._beside_body > MOST_HEAD_BYTES and (self._is_in_head or is_answering):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)
        elif not is_answering and self._head_timer is None:
            self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._beside_body = 0
        self._refused = 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._cancel_head_timer()
        self.app = self._chosen()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is before:
            return  # a WebSocket
        if self._is_upgrade() or self.expect_100_continue:
            # What follows an upgrade that did not take place isn't HTTP, and whether a body that waited to be asked
            # for comes after a refusal nobody knows.
            self.cycle.keep_alive = False
        else:
            # The request keeps its list: headers that stand behind its body are dropped.
            self.headers = []

    def on_body(self, body: bytes) -> None:
        self._beside_body = max(0, self._beside_body - _CHUNK_OVERHEAD * len(body))
        if not self._is_answering():
            self._refused += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        cast("Scope", self.scope)[WHOLE_KEY] = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._unread.begin(self.transport)

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def handle_websocket_upgrade(self) -> None:
        self._is_websocket = True
        self._cancel_timers()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.begin(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread.end()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, "this is not a valid HTTP request")

    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete  # there is none before the first request

    def _is_upgrade(self) -> bool:
        return self.parser is not None and self.parser.should_upgrade()

    def _chosen(self) -> Any:
        """Who answers the request whose headers are complete."""
        if len(self.connections) > self._most:
            return _too_many
        is_short = self._piece <= _SHORT_BYTES and self._beside_body <= _SHORT_BYTES
        size = 0 if is_short else len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MOST_HEAD_BYTES or len(self.headers) > MOST_HEADERS:
            return _too_large
        return self._application

    def _refuse(self, status: int, text: str) -> None:
        """Answers in place of the application, unless another answer is under way, and closes."""
        is_answering = self._is_answering()
        if not self.pipeline and not (is_answering and self.cycle.response_started):
            response = _closing(status, text)
            lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
            lines += [b"%s: %s" % header for header in response.raw_headers]
            lines.append(b"x-request-id: %s" % os.urandom(8).hex().encode())
            self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        if is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._close()

    def _close(self) -> None:
        if not self.transport.is_closing():
            self._cancel_head_timer()
            self.transport.close()
            self._unread.begin(self.transport)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_timers(self) -> None:
        self._cancel_head_timer()
        self._unread.end()


def most_connections() -> int:
    """`MOST_CONNECTIONS`, or fewer where the process may not have so many files open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, max(soft - OTHER_FILES, soft // 2))


async def _too_many(scope: Scope, receive: Receive, send: Send) -> None:
    text = "the server has more connections than it can serve"
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    await _closing(HTTPStatus.SERVICE_UNAVAILABLE, text, headers)(scope, receive, send)


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    await _closing(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)(scope, receive, send)


def _closing(status: int, text: str, headers: dict[str, str] | None = None) -> Json:
    return sentence(status, text, {"Connection": "close", **(headers or {})})


_TOO_LARGE = (
    f"the request line and headers must not be more than {MOST_HEAD_BYTES} bytes, or {MOST_HEADERS} headers"
)

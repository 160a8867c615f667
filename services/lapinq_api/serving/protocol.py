"""uvicorn's HTTP/1.1 with the limits that it lacks: connections, header size, and slow clients.

An idle connection is closed when no complete request head arrives within `HEAD_SECONDS`: the client sends nothing,
sends headers byte by byte, or continues a body that was rejected. (uvicorn's shorter timeout applies between two
requests while nothing arrives at all.) While a request is handled, the time is the application's; `body` has its own
limit. A client is disconnected if it reads too little of a response within `UNREAD_SECONDS`, or sends too much of a
body after it.
"""

import asyncio
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from lapinq_api.operations.body import WHOLE_KEY
from lapinq_api.overload.fair_share import SERVER, Caller
from lapinq_api.serving.connection_limits import UNCOUNTED_BYTES, ConnectionLimits, Flow
from lapinq_api.serving.counting_cycle import CountingCycle
from lapinq_api.serving.socket_protocol import SocketProtocol
from lapinq_api.serving.stall_watch import StallWatch
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Busy, sentence

if TYPE_CHECKING:
    from starlette.types import Scope

try:
    from lapinq_api.serving.cycle import Cycle
except ImportError:  # names that only it takes from uvicorn are gone
    Cycle = CountingCycle

MAX_HEAD_BYTES = 64 * 1024
"""Of the request line and headers, and of the overhead in a chunked body."""
MAX_HEADERS = 200
MAX_REFUSED_BYTES = 1024 * 1024
"""Of a body that arrive after the response, e.g. to an expired session. With fewer the connection is kept."""
HEAD_SECONDS = 20.0
UNREAD_SECONDS = 30.0
MIN_READ_BYTES = 240 * 1024
"""Of a response, within `UNREAD_SECONDS`: 8 KiB a second."""
_SHORT_BYTES = 8 * 1024
_CHUNK_OVERHEAD = 8
_SPARE = 100


class HttpProtocol(HttpToolsProtocol):
    """One connection. One that gets no place among `limits` has its request refused; above a few of these, connections
    are aborted."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: ConnectionLimits,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._application = self.app
        self._limits = limits
        self._caller: Caller = SERVER
        self._no_place: Busy | None = None  # why it has none
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_watch = StallWatch(self.loop, UNREAD_SECONDS, MIN_READ_BYTES)
        self._is_websocket = False
        self._is_in_head = False
        self._last_read = 0  # bytes in the last read
        self._overhead = 0  # bytes received since the request's first read, without body data
        self._refused = 0  # bytes of a body after its response

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as uvicorn has it
        super().connection_made(transport)
        transport.set_write_buffer_limits(UNCOUNTED_BYTES)
        self.flow = Flow(transport, self._limits.unread)
        self._caller = self._limits.caller_of(self.client)
        try:
            self._limits.places.take(self._caller)
        except Busy as error:
            self._no_place = error
            if len(self.connections) - self._limits.places.held > _SPARE:
                transport.abort()
                return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        super().connection_lost(exc)
        self._leave_place()

    def data_received(self, data: bytes) -> None:
        self._overhead += len(data)
        self._last_read = len(data)
        super().data_received(data)
        if self._is_websocket or self.transport.is_closing():
            return
        is_answering = self._is_answering()
        if self._refused > MAX_REFUSED_BYTES:
            self._close()
        elif self._overhead > MAX_HEAD_BYTES and (self._is_in_head or is_answering):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)
        elif not is_answering and self._head_timer is None:
            self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._overhead = 0
        self._refused = 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._cancel_head_timer()
        self.app = self._choose_app()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is before:
            return  # a WebSocket
        self.cycle.__class__ = Cycle  # it begins in the loop's next turn
        if self._is_upgrade() or self.expect_100_continue:
            # After a rejected upgrade the bytes may not be HTTP. After `Expect: 100-continue` and a rejection, the
            # client may or may not send the body.
            self.cycle.keep_alive = False
        else:
            # The request keeps its own list. Trailers, which come after the body, are dropped.
            self.headers = []

    def on_body(self, body: bytes) -> None:
        self._overhead = max(0, self._overhead - _CHUNK_OVERHEAD * len(body))
        if not self._is_answering():
            self._refused += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        cast("Scope", self.scope)[WHOLE_KEY] = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._stall_watch.begin(self.transport)

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def handle_websocket_upgrade(self) -> None:
        if self._no_place is not None:
            self._refuse(self._no_place.status, str(self._no_place), self._no_place.headers)
            return
        if self._is_answering() or self.flow.write_paused:
            self._close()  # only this protocol hears that a response was read, or that it never will be
            return
        self._is_websocket = True
        self._cancel_timers()
        self.transport.set_write_buffer_limits()  # its own: what viewers don't read has other limits
        super().handle_websocket_upgrade()
        socket = self.transport.get_protocol()
        assert isinstance(socket, SocketProtocol), "as configured"
        socket.on_lost = self._leave_place

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall_watch.begin(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall_watch.end()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, "this is not a valid HTTP request")

    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete  # None before the first request

    def _is_upgrade(self) -> bool:
        return self.parser is not None and self.parser.should_upgrade()

    def _choose_app(self) -> Any:
        """The application for the request whose headers are complete."""
        if self._no_place is not None:
            return _closing(self._no_place.status, str(self._no_place), self._no_place.headers)
        is_short = self._last_read <= _SHORT_BYTES and self._overhead <= _SHORT_BYTES
        size = 0 if is_short else len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            return _closing(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)
        return self._application

    def _refuse(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        """Sends a response itself, unless another has begun, and closes."""
        is_answering = self._is_answering()
        if not self.pipeline and not (is_answering and self.cycle.response_started):
            response = _closing(status, text, headers)
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
            self._stall_watch.begin(self.transport)

    def _leave_place(self) -> None:
        if self._no_place is None:
            self._limits.places.leave(self._caller)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_timers(self) -> None:
        self._cancel_head_timer()
        self._stall_watch.end()


def _closing(status: int, text: str, headers: dict[str, str] | None = None) -> Json:
    return sentence(status, text, {"Connection": "close", **(headers or {})})


_TOO_LARGE = f"the request line and headers must not exceed {MAX_HEAD_BYTES} bytes or {MAX_HEADERS} headers"

"""uvicorn's request and response with a short way for the usual response: complete, of known length, kept alive.

Its head and body leave in one write. uvicorn writes them separately, which costs a second system call and a second
packet, and checks each header of each response with regular expressions. All other responses are uvicorn's.

What it imports is internal to uvicorn. Where that is gone, `protocol.py` does without this module: responses are the
same, each a fifth of an empty exchange dearer.
"""

from functools import lru_cache

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

from lapinq_api.serving.connection_limits import UNCOUNTED_BYTES, Flow
from lapinq_api.wire.errors import Busy
from lapinq_api.wire.origins import SAFE_METHODS

_MAX_JOINED_BYTES = 64 * 1024
_UNUSUAL = frozenset({b"connection", b"transfer-encoding", b"set-cookie"})
"""Headers that change how a response is sent, or that must not stay in memory."""


class Cycle(RequestResponseCycle):
    """Keeps the head of a response until its body begins. Until then the response has not started."""

    _head: Message | None = None

    async def send(self, message: Message) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as Starlette types it
        """Raises `Busy` before the response has started, if too much is unread for a body as large as this one.

        The response to a change is sent in any case: after a refusal the client would repeat the change.
        """
        if message["type"] == "http.response.start" and not self.response_started:
            self._head = message
            return
        if len(message.get("body", b"")) > UNCOUNTED_BYTES:
            await self._send_counted(message)
            return
        head, self._head = self._head, None
        if head is None or not self._is_sent_whole(head, message):
            await self._send_apart(head, message)

    async def _send_counted(self, message: Message) -> None:
        assert isinstance(self.flow, Flow), "as the connection has it"
        try:
            counted = self.flow.begin(len(message["body"]), may_refuse=self.scope["method"] in SAFE_METHODS)
        except Busy:
            if not self.response_started:
                raise
            self.transport.abort()  # the rest can't be sent
            return
        head, self._head = self._head, None
        try:
            if head is None or not self._is_sent_whole(head, message):
                await self._send_apart(head, message)
        finally:
            self.flow.end(counted)

    async def _send_apart(self, head: Message | None, message: Message) -> None:
        if head is not None:
            await super().send(head)  # pyright: ignore[reportArgumentType]
        await super().send(message)  # pyright: ignore[reportArgumentType]

    def _is_sent_whole(self, head: Message, message: Message) -> bool:
        """Sends the response, if it is a usual one. Raises `RuntimeError` for an invalid header."""
        body: bytes = message.get("body", b"")
        headers: list[tuple[bytes, bytes]] = head.get("headers", [])
        if (
            message.get("more_body")
            or not self.keep_alive
            or self.disconnected
            or self.flow.write_paused
            or self.scope["method"] == "HEAD"
            or len(body) > _MAX_JOINED_BYTES
            or (b"content-length", b"%d" % len(body)) not in headers
        ):
            return False
        lines = [STATUS_LINE[head["status"]]]
        for name, value in (*self.default_headers, *headers):
            if name in _UNUSUAL:
                return False
            lines.append(_line(name, value))
        lines += (b"\r\n", body)
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"".join(lines))
        self.message_event.set()
        self.on_response()
        return True


@lru_cache(maxsize=256)  # most headers are the same in each response
def _line(name: bytes, value: bytes) -> bytes:
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError(f"an invalid header: {name!r}")
    return b"%s: %s\r\n" % (name.lower(), value)

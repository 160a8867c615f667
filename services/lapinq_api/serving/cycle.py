"""uvicorn's request and response with a short way for the usual response: complete, of known length, kept alive.

Its head and body leave in one write. uvicorn writes them separately, which costs a second system call and a second
packet, and checks each header of each response with regular expressions. All other responses are uvicorn's.

What it imports is internal to uvicorn. Where that is gone, `protocol.py` uses `CountingCycle`: responses are the
same, each a fifth of an empty exchange dearer.
"""

from functools import lru_cache

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE

from lapinq_api.serving.counting_cycle import CountingCycle

_MAX_JOINED_BYTES = 64 * 1024
_UNUSUAL = frozenset({b"connection", b"transfer-encoding", b"set-cookie"})
"""Headers that change how a response is sent, or that must not stay in memory."""


class Cycle(CountingCycle):
    """Sends a usual response in one write."""

    async def _write(self, head: Message | None, message: Message) -> None:
        if head is None or not self._is_sent_whole(head, message):
            await super()._write(head, message)

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

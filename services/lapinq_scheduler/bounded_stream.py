"""A connection to a receiver that may send anything: how much of it is read, and how much at a time.

An answer may begin with any number of provisional ones (`100 Continue`), and a body may come in chunks of one byte.
What is read at once is parsed at once, while nothing else runs on the event loop.
"""

import ssl
from typing import Any

import httpcore

MOST_PIECE = 4 * 1024
"""Bytes read at a time."""
MOST_ANSWER = 128 * 1024
"""Bytes read after something was written: of an answer with all that comes before it."""


class BoundedStream(httpcore.AsyncNetworkStream):
    """`stream`, read in small pieces, and only so far."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = MOST_ANSWER

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises `RemoteProtocolError` when the other side does not come to an end."""
        if self._left <= 0:
            raise httpcore.RemoteProtocolError("an answer without end")
        piece = await self._stream.read(min(max_bytes, MOST_PIECE), timeout)
        self._left -= len(piece)
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._left = MOST_ANSWER
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return BoundedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

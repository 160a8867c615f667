"""Limits how much is read from a webhook's receiver, in total and at a time.

A receiver is not trusted. It may send any number of provisional responses (`100 Continue`), or a body in chunks of one
byte. Parsing one read blocks the event loop, so reads are small.
"""

import ssl
from typing import Any

import httpcore

MAX_PIECE = 4 * 1024
"""Bytes per read."""
MAX_ANSWER = 128 * 1024
"""Bytes read after a write: a response, with everything before it."""


class BoundedStream(httpcore.AsyncNetworkStream):
    """`stream` with small reads and a limit on their sum."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = MAX_ANSWER

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises `RemoteProtocolError` when the response exceeds the limit."""
        if self._left <= 0:
            raise httpcore.RemoteProtocolError("the response is too long")
        piece = await self._stream.read(min(max_bytes, MAX_PIECE), timeout)
        self._left -= len(piece)
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._left = MAX_ANSWER
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return BoundedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

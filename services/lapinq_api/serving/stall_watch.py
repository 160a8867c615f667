"""Disconnects a client that doesn't read what was sent to it, or too slowly."""

import asyncio


class StallWatch:
    """Watches one connection. From `begin` it checks every `seconds` whether `least` bytes were read, until none are
    left."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, least: int = 1) -> None:
        self._loop = loop
        self._seconds = seconds
        self._least = least
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport) -> None:
        """Watches `transport`, unless it does already or nothing is unread."""
        left = transport.get_write_buffer_size()
        if left and self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._check, transport, left)

    def end(self) -> None:
        """Stops: all data was read, or the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self, transport: asyncio.Transport, before: int) -> None:
        self._timer = None
        if (left := transport.get_write_buffer_size()) and before - left < self._least:
            transport.abort()
        else:
            self.begin(transport)

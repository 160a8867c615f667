"""Cuts off a client that takes nothing of what was written to it."""

import asyncio


class UnreadWatch:
    """Of one connection. From `begin` on it looks every `seconds` whether anything was taken, until nothing is left."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport) -> None:
        """Watches `transport`, unless it does so already or all is taken."""
        left = transport.get_write_buffer_size()
        if left and self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look, transport, left)

    def end(self) -> None:
        """All is taken, or the connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, transport: asyncio.Transport, before: int) -> None:
        self._timer = None
        if transport.get_write_buffer_size() >= before:
            transport.abort()
        else:
            self.begin(transport)

"""Tells all viewers at once that something may have changed."""

import asyncio


class Changes:
    """Of one event loop."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def heard(self, _payload: str) -> None:
        """A notification came in, or one may have been missed."""
        self._next.set()
        self._next = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Set with the next change after this call."""
        return self._next

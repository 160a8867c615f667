"""Wakes all viewers when something may have changed."""

import asyncio


class Changes:
    """Used by one event loop."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def on_notify(self, _payload: str) -> None:
        """A notification arrived, or one may be lost."""
        self._next.set()
        self._next = asyncio.Event()

    def next(self) -> asyncio.Event:
        """An event that the next change sets."""
        return self._next

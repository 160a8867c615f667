"""A limit on long polls: each occupies a connection, and other requests need connections too."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class Slots:
    """At most `limit` at a time. Any thread may take a slot, and the process may fork at any time."""

    def __init__(self, limit: int) -> None:
        # A list and no lock: a fork could copy a lock while a thread that the child doesn't have holds it.
        self._free = [None] * limit

    @contextlib.contextmanager
    def take(self) -> Generator[bool]:
        """Take a slot for the duration of the context. False if none is free."""
        try:
            self._free.pop()
        except IndexError:
            yield False
            return
        try:
            yield True
        finally:
            self._free.append(None)

"""Bounds how many requests do something costly at a time."""

from collections.abc import Generator
from contextlib import contextmanager

from lapinq_api.errors import Overloaded


class Places:
    """As many as `most`. Of one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    @contextmanager
    def take(self) -> Generator[None]:
        """A context that has one of them. Raises `Overloaded` when all are taken."""
        if self.taken >= self._most:
            raise Overloaded
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

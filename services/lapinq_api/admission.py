"""Bounds the memory that the bodies of requests take up, however many arrive at once."""

from types import TracebackType
from typing import Self

from lapinq_api.errors import Overloaded

MOST_BYTES = 128 * 1024 * 1024


class Admission:
    """How many bytes of bodies are held right now. Of one event loop."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self.held = 0

    def hold(self, size: int = 0) -> "Held":
        """A context in which `size` bytes count. Raises `Overloaded` when that is more than can be held."""
        held = Held(self)
        held.add(size)
        return held

    def change(self, size: int) -> None:
        if size > 0 and self.held + size > self._most:
            raise Overloaded
        self.held += size


class Held:
    """Bytes that count until the context ends."""

    __slots__ = ("_admission", "_size")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._size = 0

    def add(self, size: int) -> None:
        self._admission.change(size)
        self._size += size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._admission.change(-self._size)
        self._size = 0

"""Bounds the memory that the bodies of requests take up, as they arrive and decoded, however many arrive at once.

Decoded, a body can take up thirty times its bytes: `[]` becomes an object of 56 bytes. What that will be is reckoned
from the characters that separate values, which never takes it for less than two thirds of what it is.
"""

from http import HTTPStatus
from types import TracebackType
from typing import Self

from lapinq_api.wire.codec import off_loop_if_large
from lapinq_api.wire.errors import Overloaded, Refused

MOST_BYTES = 256 * 1024 * 1024
"""More than the largest batch takes, unless it is made of little but brackets or single characters."""


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

    async def decoding(self, body: bytes) -> "Held":
        """A context in which what `body` is decoded to counts.

        Raises `Overloaded`, and `Refused` (413) when it is more than can ever be held.
        """
        weight = await off_loop_if_large(body, weight_of, body)
        if weight > self._most:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body must not hold so many values: they would take {weight >> 20} MiB of memory, and"
                f" {self._most >> 20} are the most",
            )
        return self.hold(weight)

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


def weight_of(body: bytes) -> int:
    """How many bytes of memory, about, the values take that the JSON `body` is decoded to."""
    # One character beyond the first plane gives all of its string four bytes each.
    widest = 1 if body.isascii() and _ESCAPE not in body else 4
    return len(body) * widest + sum(body.count(mark) * size for mark, size in _BYTES_FOR.items())


_ESCAPE = b"\\u"
_BYTES_FOR = {b"[": 40, b"{": 200, b",": 32, b'"': 24}
"""A list and an object, a place in either and a number in it, and half a string."""

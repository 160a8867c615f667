"""Limits the memory that request bodies take, both raw and decoded, across simultaneous requests.

Decoded, a body may take thirty times its size: `[]` becomes an object of 56 bytes. The size is estimated from the
characters that separate values. The estimate is at least two thirds of the real size.
"""

import asyncio
from http import HTTPStatus
from types import TracebackType
from typing import Self

from lapinq_api.overload.fair_share import CALLER, FairShare
from lapinq_api.wire.codec import is_small
from lapinq_api.wire.errors import Refused

MAX_BYTES = 256 * 1024 * 1024
"""More than the largest batch takes, unless it consists mostly of brackets or single characters."""


class Admission:
    """Counts the bytes of bodies in memory, and shares them fairly. Used by one event loop."""

    def __init__(self, most: int = MAX_BYTES, caller_share: float = 1.0) -> None:
        self._most = most
        self._bytes = FairShare(most, "request bodies are in memory", caller_share)

    @property
    def held(self) -> int:
        return self._bytes.held

    def hold(self, size: int = 0) -> "Reservation":
        """A context in which `size` bytes count. Raises `Busy` above the limit, or what one caller may hold of it."""
        reservation = Reservation(self._bytes)
        reservation.add(size)
        return reservation

    async def decoding(self, body: bytes) -> "Reservation":
        """A context in which the decoded `body` counts.

        Raises as `hold` does, and `Refused` (413) if it would exceed the limit even alone.
        """
        size = decoded_size(body) if is_small(body) else await asyncio.to_thread(decoded_size, body)
        if size > self._most:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                (
                    f"the body has too many values: they would take {size >> 20} MiB of memory, and the"
                    f" limit is {self._most >> 20} MiB"
                ),
            )
        return self.hold(size)


class Reservation:
    """Bytes that the current caller holds until the context ends."""

    __slots__ = ("_bytes", "_caller", "_size")

    def __init__(self, share: FairShare) -> None:
        self._bytes = share
        self._caller = CALLER.get()
        self._size = 0

    def add(self, size: int) -> None:
        if size:
            self._bytes.take(self._caller, size)
            self._size += size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._size:
            self._bytes.leave(self._caller, self._size)
            self._size = 0


def decoded_size(body: bytes) -> int:
    """Estimates how many bytes of memory the decoded JSON `body` takes."""
    # One character outside of the basic plane makes every character of its string take four bytes.
    widest = 1 if body.isascii() and _ESCAPE not in body else 4
    lists, objects, items, halves_of_strings = map(body.count, (b"[", b"{", b",", b'"'))
    return len(body) * widest + 40 * lists + 200 * objects + 32 * items + 24 * halves_of_strings


_ESCAPE = b"\\u"

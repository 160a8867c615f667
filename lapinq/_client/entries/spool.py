"""Keeps the entries of an iterator, so that a call can be repeated, without keeping them all in memory."""

from __future__ import annotations

import weakref
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_BYTES_IN_MEMORY = 8 * 1024 * 1024


class Spool:
    """Reads `entries` at once. They are kept as a line of JSON each, beyond `MAX_BYTES_IN_MEMORY` in a temporary file.

    Each is a tenth of its size as Python objects. One reader at a time.
    """

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        self._lines = SpooledTemporaryFile(MAX_BYTES_IN_MEMORY)  # noqa: SIM115  # closed in the next line
        weakref.finalize(self, self._lines.close)
        for entry in entries:
            self._lines.write(msgspec.json.encode(entry) + b"\n")

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        self._lines.seek(0)
        while line := self._lines.readline():
            yield _decoder.decode(line)


_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])

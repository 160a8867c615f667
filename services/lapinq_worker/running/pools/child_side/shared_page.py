"""Memory that a child process shares with its worker: what runs, what must stop, and its progress.

Calls of a child are numbered from 1. Every word names the call it is about, so it never affects the next call. Words
are eight aligned bytes. One side writes a word, and both read it whole.

Nothing orders the words of one side against those of the other: a side that writes one and then reads another may read
it as it was before the write became visible. So no decision depends on both. The child alone decides whether a call is
skipped, and its report says so.

Progress is longer. The child writes it, with a checksum, alternately to one of two slots, and then the version word
makes it valid. A reader that comes while it is written, or after the writer died, finds the slot before. If the writer
overtakes the reader all the same, the checksum shows it.
"""

import mmap
import os
import struct
import tempfile
import zlib
from typing import NamedTuple

# Written by the child.
_RUNNING, _STARTED, _COMMITTED, _TOLD, _VERSION, _LOADING = 0, 1, 2, 3, 4, 5
# Written by the worker, in another cache line.
_LATE, _CANCELLED, _LOST, _SKIPPED = 8, 9, 10, 11

_SLOT_SIZE = 4096  # room for 1,000 characters of four bytes
_SIZE = 3 * _SLOT_SIZE  # the words, and two slots
_CHECKSUM = struct.Struct("@I")
_SLOT = struct.Struct("@QQIi")  # version, call, percent, length of the message or -1 for none
_TEXT = _CHECKSUM.size + 4 + _SLOT.size  # the slot begins at an aligned address
_READS = 3
_BITS = 64


class Progress(NamedTuple):
    """The latest progress of a call. `mark` differs from that of earlier progress."""

    call: int
    percent: int
    message: str | None
    mark: tuple[int, int]


class SharedPage:
    """One mapping of the memory. The worker makes the file and passes the descriptor to its child."""

    def __init__(self, fd: int) -> None:
        """Maps the file behind `fd`. The caller may close `fd` then."""
        self._map = mmap.mmap(fd, _SIZE)
        self._words = memoryview(self._map).cast("Q")

    def close(self) -> None:
        """Releases the memory."""
        self._words.release()
        self._map.close()

    # The child's side.

    def begin(self, call: int, nanoseconds: int) -> bool:
        """`call` begins now, by time.perf_counter_ns. False when it must be skipped."""
        words = self._words
        if words[_SKIPPED] >> call % _BITS & 1:
            return False
        words[_STARTED] = nanoseconds
        words[_RUNNING] = call
        return True

    def load(self, call: int) -> None:
        """The module of `call` is being imported."""
        self._words[_LOADING] = call

    def loaded(self, nanoseconds: int) -> None:
        """The import is done, and the call begins only now."""
        self._words[_STARTED] = nanoseconds
        self._words[_LOADING] = 0

    def commit(self, call: int) -> None:
        """`call` completed itself, in its own transaction."""
        self._words[_COMMITTED] = call

    def is_late(self, call: int) -> bool:
        """Whether `call` has reached its time limit."""
        return self._words[_LATE] == call

    def tell(self, call: int) -> None:
        """The function of `call` was told of its time limit."""
        self._words[_TOLD] = call

    def is_cancelled(self, call: int) -> bool:
        """Whether `call` is cancelled."""
        return self._words[_CANCELLED] == call

    def is_lost(self, call: int) -> bool:
        """Whether another worker has the task of `call`, as far as this worker knows."""
        return self._words[_LOST] == call

    def report_progress(self, call: int, percent: int, message: str | None) -> None:
        """Only one thread may be in this at a time."""
        text = b"" if message is None else message.encode()
        version = self._words[_VERSION] + 1
        body = _SLOT.pack(version, call, percent, -1 if message is None else len(text)) + text
        start = _slot(version)
        # In one piece, and not valid yet: if a signal raises an exception here, the slot before stays valid.
        self._map[start : start + 8 + len(body)] = _CHECKSUM.pack(zlib.crc32(body)) + b"\0\0\0\0" + body
        self._words[_VERSION] = version

    # The worker's side.

    @property
    def running(self) -> int:
        """The call that began last; 0 if none has."""
        return self._words[_RUNNING]

    @property
    def is_loading(self) -> bool:
        """Whether the module of the running call is being imported. Read this before `started`."""
        return self._words[_LOADING] == self._words[_RUNNING] != 0

    @property
    def started(self) -> float:
        """When the running call began, by time.perf_counter, which all processes of a machine share."""
        return self._words[_STARTED] / 1e9

    def is_committed(self, call: int) -> bool:
        """Whether `call` completed itself. Only the last one that did is known."""
        return self._words[_COMMITTED] == call

    def is_told(self, call: int) -> bool:
        """Whether the function of `call` was told of its time limit."""
        return self._words[_TOLD] == call

    def expire(self, call: int) -> None:
        """`call` has reached its time limit."""
        self._words[_LATE] = call

    def cancel(self, call: int) -> None:
        """`call` is cancelled."""
        self._words[_CANCELLED] = call

    def lose(self, call: int) -> None:
        """Another worker has the task of `call`; 0 takes that back."""
        self._words[_LOST] = call

    def skip(self, call: int) -> None:
        """`call`, less than 64 ahead, must not begin. Its report says whether it did."""
        self._words[_SKIPPED] |= 1 << call % _BITS

    def passed(self, call: int) -> None:
        """`call` has ended, which makes room for the call 64 after it."""
        self._words[_SKIPPED] &= ~(1 << call % _BITS)

    def progress(self, after: tuple[int, int]) -> Progress | None:
        """The latest progress; None if its mark is `after`, or while it changes too fast."""
        for _ in range(_READS):
            version = self._words[_VERSION]
            start = _slot(version)
            checksum: int = _CHECKSUM.unpack_from(self._map, start)[0]
            if version == 0 or (version, checksum) == after:
                return None
            written: tuple[int, int, int, int] = _SLOT.unpack_from(self._map, start + 8)
            _, call, percent, length = written
            if length > _SLOT_SIZE - _TEXT:
                continue
            body = self._map[start + 8 : start + _TEXT + max(length, 0)]
            if zlib.crc32(body) == checksum:
                message = None if length < 0 else body[_SLOT.size :].decode(errors="replace")
                return Progress(call, percent, message, (version, checksum))
        return None


def make_page_file() -> int:
    """The descriptor of memory for one page. The caller closes it once both sides have mapped it."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("lapinq child", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile(prefix="lapinq-child-") as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, _SIZE)
    return fd


def _slot(version: int) -> int:
    return (1 + version % 2) * _SLOT_SIZE

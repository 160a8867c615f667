"""Memory that a child process shares with its worker: what runs, what is to stop, how far it has come.

Calls of a child are numbered from 1, and whatever stands here names a call, so that it never touches the next. Words
are eight aligned bytes, each written by one side only and read whole.

Nothing orders the words of one side against those of the other: whoever writes one and then reads another may read it
as it was before the write was seen. So no decision rests on both. Whether a call was skipped the child alone decides,
and its report says so.

Progress is longer: it is written in turn to one of two slots, with a checksum, and then made valid by the version word.
Whoever reads while it is written, or after the writer died of it, finds the slot before; should it be overtaken all the
same, the checksum tells.
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
    """What a call said last. `mark` tells it from what was said before."""

    call: int
    percent: int
    message: str | None
    mark: tuple[int, int]


class SharedPage:
    """One mapping of it. The worker makes the file, and hands the descriptor to its child."""

    def __init__(self, fd: int) -> None:
        """Maps the file behind `fd`, which may be closed then."""
        self._map = mmap.mmap(fd, _SIZE)
        self._words = memoryview(self._map).cast("Q")

    def close(self) -> None:
        """Gives the memory back."""
        self._words.release()
        self._map.close()

    # The child's side.

    def begin(self, call: int, nanoseconds: int) -> bool:
        """Says that `call` begins now, by time.perf_counter_ns. False when it is to be skipped."""
        words = self._words
        if words[_SKIPPED] >> call % _BITS & 1:
            return False
        words[_STARTED] = nanoseconds
        words[_RUNNING] = call
        return True

    def load(self, call: int) -> None:
        """Says that the module of `call` is being imported before its function is called."""
        self._words[_LOADING] = call

    def loaded(self, nanoseconds: int) -> None:
        """Says that the call that was loading begins only now."""
        self._words[_STARTED] = nanoseconds
        self._words[_LOADING] = 0

    def commit(self, call: int) -> None:
        """Says that `call` ended itself, in a transaction of its own."""
        self._words[_COMMITTED] = call

    def is_late(self, call: int) -> bool:
        """Whether `call` has reached its time limit."""
        return self._words[_LATE] == call

    def tell(self, call: int) -> None:
        """Says that the function of `call` was told of its time limit."""
        self._words[_TOLD] = call

    def is_cancelled(self, call: int) -> bool:
        """Whether somebody asked for the stop of `call`."""
        return self._words[_CANCELLED] == call

    def is_lost(self, call: int) -> bool:
        """Whether the task of `call` was given to another worker, for all the worker knows."""
        return self._words[_LOST] == call

    def report_progress(self, call: int, percent: int, message: str | None) -> None:
        """Of several threads that call it at once only one may get through."""
        text = b"" if message is None else message.encode()
        version = self._words[_VERSION] + 1
        body = _SLOT.pack(version, call, percent, -1 if message is None else len(text)) + text
        start = _slot(version)
        # In one piece, and not valid yet: an exception raised by a signal leaves the slot before in force.
        self._map[start : start + 8 + len(body)] = _CHECKSUM.pack(zlib.crc32(body)) + b"\0\0\0\0" + body
        self._words[_VERSION] = version

    # The worker's side.

    @property
    def running(self) -> int:
        """The call that began last; 0 when none has."""
        return self._words[_RUNNING]

    @property
    def is_loading(self) -> bool:
        """Whether the module of the call that runs is being imported; to be asked for before `started`."""
        return self._words[_LOADING] == self._words[_RUNNING] != 0

    @property
    def started(self) -> float:
        """When it began, by time.perf_counter, which all processes of a machine share."""
        return self._words[_STARTED] / 1e9

    def is_committed(self, call: int) -> bool:
        """Whether `call` ended itself; only the last one that did is known."""
        return self._words[_COMMITTED] == call

    def is_told(self, call: int) -> bool:
        """Whether the function of `call` was told of its time limit."""
        return self._words[_TOLD] == call

    def expire(self, call: int) -> None:
        """Says that `call` has reached its time limit."""
        self._words[_LATE] = call

    def cancel(self, call: int) -> None:
        """Says that somebody asked for the stop of `call`."""
        self._words[_CANCELLED] = call

    def lose(self, call: int) -> None:
        """Says that the task of `call` was given to another worker; 0 takes it back."""
        self._words[_LOST] = call

    def skip(self, call: int) -> None:
        """Asks that `call`, less than 64 ahead, be not begun; whether it was, its report tells."""
        self._words[_SKIPPED] |= 1 << call % _BITS

    def passed(self, call: int) -> None:
        """Makes room for the call 64 after `call`, which is through."""
        self._words[_SKIPPED] &= ~(1 << call % _BITS)

    def progress(self, after: tuple[int, int]) -> Progress | None:
        """What was said last, unless it is what was said at the mark `after`. None, too, while it changes too fast."""
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
    """The descriptor of memory for one page, to be closed by the caller once both sides have mapped it."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("lapinq child", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile(prefix="lapinq-child-") as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, _SIZE)
    return fd


def _slot(version: int) -> int:
    return (1 + version % 2) * _SLOT_SIZE

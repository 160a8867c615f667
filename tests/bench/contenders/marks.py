"""What measured functions leave behind: files in the directory that LAPINQ_BENCH_MARKS names.

Runs inside the workers of every contender, so it needs nothing but the standard library. All times are those of the
machine's clock. `marks.mjs` does the same for Node.
"""

import mmap
import os
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "LAPINQ_BENCH_MARKS"

_LAYOUT = struct.Struct("qq")
"""When the first function ran, in nanoseconds since 1970, and how many did."""
_COUNT = struct.Struct("q")


@dataclass(frozen=True)
class Runs:
    """What the empty functions of one worker left. `first` is in seconds since 1970."""

    first: float | None
    count: int


_here = threading.local()
"""Of each thread: its `count`, and the `memory` of its file, which needs no system call to change."""
_arrivals: int | None = None


def ran() -> None:
    """Called by every empty function: counts it."""
    try:
        count = _here.count = _here.count + 1
    except AttributeError:
        count = _here.count = 1
        with _file(f"{threading.get_ident()}.ran").open("w+b") as file:
            file.truncate(_LAYOUT.size)
            _here.memory = mmap.mmap(file.fileno(), _LAYOUT.size)
        _LAYOUT.pack_into(_here.memory, 0, time.time_ns(), 0)
    _COUNT.pack_into(_here.memory, 8, count)


def arrived(sent_ns: int) -> None:
    """Notes the time, and how long ago `sent_ns` was."""
    now = time.time_ns()
    global _arrivals
    if _arrivals is None:
        _arrivals = os.open(_file("waited"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(_arrivals, f"{now} {now - sent_ns}\n".encode())


def _file(kind: str) -> Path:
    return Path(os.environ[VARIABLE], f"{os.getpid()}.{kind}")


def runs(directory: Path) -> Runs:
    """Of the worker that writes to `directory`: its first run, and their number so far."""
    contents = [file.read_bytes() for file in directory.glob("*.ran")]
    found = [_LAYOUT.unpack(content) for content in contents if len(content) == _LAYOUT.size]
    firsts = [first for first, _ in found if first]
    return Runs(min(firsts) / 1e9 if firsts else None, sum(count for first, count in found if first))


def waits(directory: Path, *, since_ns: int = 0) -> list[float]:
    """Milliseconds from `sent_ns`, at or after `since_ns`, to the start of the function, in order of arrival."""
    lines = [line.split() for file in directory.glob("*.waited") for line in file.read_text().splitlines()]
    arrivals = sorted((int(now), int(waited)) for now, waited in lines)
    return [waited / 1e6 for now, waited in arrivals if now - waited >= since_ns]

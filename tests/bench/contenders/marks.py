"""What measured functions leave behind: files in the directory that LAPINQ_BENCH_MARKS names, one a process.

Runs inside the workers of every contender, so it needs nothing but the standard library. All times are those of the
machine's clock.
"""

import os
import time
from pathlib import Path

VARIABLE = "LAPINQ_BENCH_MARKS"

_has_run = False
_arrivals: int | None = None


def ran() -> None:
    """Called by every empty function: notes when this process ran its first one."""
    global _has_run
    if not _has_run:
        _has_run = True
        _file("first").write_text(str(time.time_ns()))


def arrived(sent_ns: int) -> None:
    """Notes the time, and how long ago `sent_ns` was."""
    now = time.time_ns()
    global _arrivals
    if _arrivals is None:
        _arrivals = os.open(_file("waited"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(_arrivals, f"{now} {now - sent_ns}\n".encode())


def _file(kind: str) -> Path:
    return Path(os.environ[VARIABLE], f"{os.getpid()}.{kind}")


def first_run(directory: Path) -> float | None:
    """When the first function of the worker that writes to `directory` ran, in seconds since 1970."""
    times = [int(text) for file in directory.glob("*.first") if (text := file.read_text())]
    return min(times) / 1e9 if times else None


def waits(directory: Path) -> list[float]:
    """Milliseconds from `sent_ns` to the start of the function, in order of arrival."""
    lines = [line.split() for file in directory.glob("*.waited") for line in file.read_text().splitlines()]
    return [waited / 1e6 for _, waited in sorted((int(now), int(waited)) for now, waited in lines)]

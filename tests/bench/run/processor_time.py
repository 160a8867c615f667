"""How much processor time processes have used, as the kernel of this machine counts it."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def seconds(pid: int, *, reaped: bool = False) -> float:
    """Of one process, 0 if it has ended; with that of its ended children if `reaped`."""
    try:
        times = _stat(pid)[11 : 15 if reaped else 13]
    except OSError:
        return 0.0
    return sum(map(int, times)) / _TICKS


def family_seconds(pid: int) -> float:
    """Of a process and all children that it ever had, such as a PostgreSQL server's."""
    # Again if a child ended meanwhile: its time has moved from the one to the other.
    total = 0.0
    for _ in range(10):
        ended = seconds(pid, reaped=True)
        total = ended + sum(map(seconds, _children(pid)))
        if seconds(pid, reaped=True) == ended:
            break
    return total


def parent(pid: int) -> int:
    return int(_stat(pid)[1])


def command(pid: int) -> str:
    """Its command line, "" if there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if parent(int(entry.name)) == pid:
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended
    return found

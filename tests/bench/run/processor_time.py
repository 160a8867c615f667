"""How much processor time processes have used, as the kernel of this machine counts it."""

import os
from contextlib import suppress
from pathlib import Path

import psycopg

_TICKS = os.sysconf("SC_CLK_TCK")


def seconds(pid: int, *, reaped: bool = False) -> float:
    """Of one process, 0 if it has ended; with that of its ended children if `reaped`."""
    with suppress(OSError):
        return sum(map(int, _stat(pid)[11 : 15 if reaped else 13])) / _TICKS
    return 0.0


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


def postmaster(conn: psycopg.Connection) -> int:
    """The server's first process; 0 if it is not on this machine."""
    pid = conn.info.backend_pid
    with suppress(OSError):
        if Path(f"/proc/{pid}/cmdline").read_text().startswith("postgres"):
            return _parent(pid)
    return 0


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if _parent(int(entry.name)) == pid:
                found.append(int(entry.name))
    return found

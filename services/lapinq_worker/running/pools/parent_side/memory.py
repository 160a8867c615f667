"""How much memory a process uses."""

import os
from pathlib import Path

_MEBIBYTE = 2**20


def resident_bytes(pid: int) -> int | None:
    """Memory of the process in RAM; None if it has ended or the system isn't Linux."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def in_mebibytes(size: int) -> str:
    """`size` in bytes as people read it."""
    mebibytes = size / _MEBIBYTE
    return f"{mebibytes:.3g} MiB" if mebibytes < 100 else f"{mebibytes:.0f} MiB"

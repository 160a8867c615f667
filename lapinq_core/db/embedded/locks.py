"""flocks on files: takes one within a time limit, and tells whether one is held, and by whom.

The kernel drops an flock when the last process that has the open file ends, however it ends, so these locks can't be
stale. They work between processes, threads and containers that share the directory.
"""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a lock; `command` is its command line, empty if it can't be read."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.pid} ({self.command})" if self.command else str(self.pid)


def take_shared(fd: int) -> bool:
    """Takes a shared lock; False while somebody holds an exclusive one."""
    return _take(fd, fcntl.LOCK_SH)


def take_exclusive(fd: int) -> bool:
    """Takes an exclusive lock; False while anybody else holds one. In both cases it gives up a shared lock of `fd`."""
    return _take(fd, fcntl.LOCK_EX)


def wait_exclusive(fd: int, *, wait: float) -> None:
    """Takes an exclusive lock, waiting at most `wait` seconds for it; else raises `TimeoutError`."""
    give_up = time.monotonic() + wait
    while not take_exclusive(fd):
        if time.monotonic() > give_up:
            raise TimeoutError(f"another process held a lock for {wait:.0f} s")
        time.sleep(_POLL_SECONDS)


@contextmanager
def exclusive(fd: int, *, wait: float) -> Generator[None]:
    """Holds an exclusive lock after `wait_exclusive`, and closes `fd` at the end."""
    try:
        wait_exclusive(fd, wait=wait)
        yield
    finally:
        release(fd)


def release(fd: int) -> None:
    """Releases the lock and closes `fd`, also for forked children that inherited it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def holders(fd: int) -> tuple[Holder, ...]:
    """The processes that hold the lock of this file, as far as they are visible: not those in other containers."""
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return ()
    status = os.fstat(fd)
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    same_inode: set[int] = set()
    same_file: set[int] = set()
    for line in lines:  # "1: FLOCK  ADVISORY  READ 6418 fe:00:11233480 0 EOF"
        match line.split():
            case [_, "FLOCK", _, _, pid, place, *_]:
                on, _, inode = place.rpartition(":")
                if inode == str(status.st_ino):
                    same_inode.add(int(pid))
                    if on == device:
                        same_file.add(int(pid))
            case _:
                pass
    # Some file systems (btrfs, overlays) show a different device here than in fstat.
    return tuple(Holder(pid, _command(pid)) for pid in sorted(same_file or same_inode))


def _take(fd: int, operation: int) -> bool:
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _command(pid: int) -> str:
    try:
        words = Path("/proc", str(pid), "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    command = " ".join(" ".join(words).split())
    return command if len(command) <= 80 else f"{command[:79]}…"

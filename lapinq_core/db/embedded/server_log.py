"""The server's log file: bounded at each start, and quoted when a start fails."""

import os
import stat

from lapinq_core.db.embedded.folder import Folder

_MAX_BYTES = 4 * 1024 * 1024
_QUOTED_LINES = 20
_QUOTED_BYTES = 8192


def open_log(folder: Folder) -> tuple[int, int]:
    """The open log and its size. A log that has grown large replaces the previous one first."""
    log = folder.open(folder.log.name, os.O_WRONLY | os.O_APPEND)
    size = os.fstat(log).st_size
    if size <= _MAX_BYTES:
        return log, size
    os.close(log)
    folder.log.replace(folder.log.with_name(f"{folder.log.name}.1"))
    return folder.open(folder.log.name, os.O_WRONLY | os.O_APPEND), 0


def quote_log(folder: Folder, since: int = 0) -> str:
    """The last lines of the log after byte `since`, under a heading."""
    log = folder.open(folder.log.name, os.O_RDONLY)
    try:
        status = os.fstat(log)
        if not stat.S_ISREG(status.st_mode):
            return ""
        text = os.pread(log, _QUOTED_BYTES, max(since, status.st_size - _QUOTED_BYTES)).decode(
            errors="replace"
        )
    finally:
        os.close(log)
    lines = text.splitlines()[-_QUOTED_LINES:]
    return "\n".join([f"The end of its log {folder.log}:", *(f"  {line}" for line in lines)])

"""Where the Unix socket lies: in the data directory, or in one of its own where that path doesn't do."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from lapinq_core.db.embedded.folder import Folder
from lapinq_core.db.embedded.postmaster import socket_name

_LONGEST = 107
"""Bytes the kernel takes for a socket's path."""
_SHORT_PLACE = Path("/tmp")  # noqa: S108  # the directory made in it is private, and checked to be


def make_socket_dir(folder: Folder) -> Path:
    """The directory for the socket, made where it is missing and rid of what a killed server left in it.

    The caller makes sure that no server runs: an old lock file would name a process id that may be another's
    by now.
    """
    place = folder.socket if _fits(folder.socket) else _short(folder)
    folder.make_private(place)
    for name in (socket_name(), f"{socket_name()}.lock"):
        (place / name).unlink(missing_ok=True)
    return place


def remove_short_socket_dir(folder: Folder) -> None:
    """Leaves nothing outside of the data directory after a stop."""
    if not _fits(folder.socket):
        with suppress(OSError):  # not there, not empty or not ours: then it isn't what we made
            _short(folder).rmdir()


def _fits(place: Path) -> bool:
    # libpq takes a comma in a host for the end of it.
    return "," not in str(place) and len(os.fsencode(place / socket_name())) <= _LONGEST


def _short(folder: Folder) -> Path:
    mark = hashlib.sha256(os.fsencode(folder.path)).hexdigest()[:16]
    return _SHORT_PLACE / f"lapinq-{folder.owner.uid}-{mark}"

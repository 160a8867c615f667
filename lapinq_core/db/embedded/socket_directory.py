"""The directory of the Unix socket: in the data directory, or a separate one if that path is unsuitable."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from lapinq_core.db.embedded.folder import Folder
from lapinq_core.db.embedded.postmaster import socket_name

_MAX_PATH_BYTES = 107
"""The kernel's limit for a socket's path, in bytes."""
_SHORT_PLACE = Path("/tmp")  # noqa: S108  # the directory created in it is private, and checked to be


def make_socket_dir(folder: Folder) -> Path:
    """The directory for the socket, created if it is missing and cleared of what a killed server left.

    The caller makes sure that no server runs: an old lock file names a process id that may belong to another process by
    now.
    """
    place = folder.socket if _fits(folder.socket) else _short(folder)
    folder.make_private(place)
    for name in (socket_name(), f"{socket_name()}.lock"):
        (place / name).unlink(missing_ok=True)
    return place


def remove_short_socket_dir(folder: Folder) -> None:
    """Removes what lies outside the data directory, after a stop."""
    if not _fits(folder.socket):
        with suppress(OSError):  # missing, not empty or not ours: then we didn't create it
            _short(folder).rmdir()


def _fits(place: Path) -> bool:
    # libpq treats a comma in a host as a separator.
    return "," not in str(place) and len(os.fsencode(place / socket_name())) <= _MAX_PATH_BYTES


def _short(folder: Folder) -> Path:
    mark = hashlib.sha256(os.fsencode(folder.path)).hexdigest()[:16]
    return _SHORT_PLACE / f"lapinq-{folder.owner.uid}-{mark}"

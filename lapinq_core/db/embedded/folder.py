"""The data directory: where it is, whose it is, and what lies in it.

    pgdata/            the database cluster (pgdata.new while one is being made)
    socket/            the Unix socket; nobody but the owner and root can enter
    postgresql.log     what the server says, and postgresql.log.1 before that
    control.lock       held while a process starts or stops the server
    users.lock         shared by all who use the server
    server.lock        held by the server itself, see `server.py`
    keep               there while the server shall outlive its users
    binaries/          copies of programs that the owner couldn't read where they are, see `private_copy.py`

Root works in here beside an owner it needn't trust, so it follows no symbolic link that the owner could have
placed.
"""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lapinq_core.db.embedded.errors import EmbeddedError
from lapinq_core.db.embedded.owner import Owner, choose_owner, owner_of

_FIRST_FILE = "control.lock"


@dataclass(frozen=True, slots=True)
class Folder:
    """A data directory that exists, and its owner."""

    path: Path
    owner: Owner

    @property
    def pgdata(self) -> Path:
        return self.path / "pgdata"

    @property
    def socket(self) -> Path:
        return self.path / "socket"

    @property
    def binaries(self) -> Path:
        return self.path / "binaries"

    @property
    def log(self) -> Path:
        return self.path / "postgresql.log"

    @property
    def keep(self) -> Path:
        return self.path / "keep"

    def open(self, name: str, flags: int = os.O_RDWR) -> int:
        """Opens the file `name`, and creates it if it is missing."""
        path = self.path / name
        try:
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
        if self.owner.is_other:
            os.fchown(fd, self.owner.uid, self.owner.gid)
        return fd

    def make_private(self, path: Path) -> None:
        """Creates a directory that only the owner can enter, or checks that it is one."""
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        status = path.lstat()
        # If it still belongs to root, it was created just now, or by a start that was interrupted right here.
        owner = self.owner.uid if status.st_uid == os.geteuid() else status.st_uid
        if not stat.S_ISDIR(status.st_mode) or owner != self.owner.uid or status.st_mode & 0o077:
            raise EmbeddedError(f"{path} isn't a directory that only {self.owner.name} can enter: remove it")
        if self.owner.is_other:
            os.chown(path, self.owner.uid, self.owner.gid, follow_symlinks=False)

    def sync(self) -> None:
        """Returns when renames in the directory are durable."""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def default_path() -> Path:
    """`/var/lib/lapinq` for root; for others `lapinq` in the data directory of their home."""
    if os.geteuid() == 0:
        return Path("/var/lib/lapinq")
    # Like HOME, which `Path.home` reads, this is a variable of the system, not a setting of lapinq.
    data_home = Path(os.environ.get("XDG_DATA_HOME", ""))
    if data_home.is_absolute():
        return data_home / "lapinq"
    try:
        return Path.home() / ".local" / "share" / "lapinq"
    except RuntimeError as error:
        raise EmbeddedError("there is no home directory for the database: choose a --data-dir") from error


def existing_folder(path: Path) -> Folder | None:
    """The data directory at `path`; None if no database was ever started there. Changes nothing."""
    owner = owner_of(path)
    if owner is None or not (path / _FIRST_FILE).exists():
        return None
    return Folder(path.resolve(), owner)


def make_folder(path: Path) -> Folder:
    """The data directory at `path`, created if it is missing.

    A new or empty directory becomes private to the owner (0700). A directory with other files in it stays as it is, and
    only what lapinq puts into it is private.
    """
    path = path.resolve()
    owner = owner_of(path) or choose_owner(path)
    _make_parents(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    if not any(path.iterdir()):
        if owner.is_other:
            os.chown(path, owner.uid, owner.gid)
        path.chmod(0o700)
    elif path.stat().st_mode & stat.S_IWOTH:
        raise EmbeddedError(f"{path} is writable by everybody: choose another --data-dir")
    return Folder(path, owner)


def _make_parents(path: Path) -> None:
    """Creates missing directories: private for a user; passable for root, whose server runs as another user."""
    if path.exists():
        return
    _make_parents(path.parent)
    mode = 0o755 if os.geteuid() == 0 else 0o700
    path.mkdir(mode=mode, exist_ok=True)
    if os.geteuid() == 0:
        path.chmod(mode)  # regardless of the umask

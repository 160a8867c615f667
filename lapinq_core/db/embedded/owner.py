"""The user who owns the data directory and runs the server: the current user, or for root another one.

PostgreSQL refuses to run as root. An existing directory keeps its owner; a new one is given to `postgres`, else to
`nobody`.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lapinq_core.db.embedded.errors import EmbeddedError

_CANDIDATES = ("postgres", "nobody")
# Not the caller's environment: its PG* variables would configure the server, and its secrets must not leak.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Owner:
    """A user who runs programs."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether this is not the user of the calling process, which is root then."""
        return self.uid != os.geteuid()

    @property
    def name(self) -> str:
        return user_name(self.uid)

    def run(
        self,
        command: list[str],
        *,
        cwd: Path,
        timeout: float,
        output: int = subprocess.PIPE,
        inherit: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end, with both its outputs in `stdout` (or in the file `output`).

        It runs in its own session, so no key pressed in the caller's terminal reaches it, and inherits the files
        `inherit`. Raises `PermissionError` if this user may not run the program.
        """
        try:
            return subprocess.run(  # noqa: S603  # the programs are ours or PostgreSQL's
                command,
                cwd=cwd,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=timeout,
                pass_fds=inherit,
                start_new_session=True,
                user=self.uid if self.is_other else None,
                group=self.gid if self.is_other else None,
                extra_groups=() if self.is_other else None,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EmbeddedError(f"{command[0]} took longer than {timeout:.0f} s") from error
        except OSError as error:
            if not self.is_other or error.filename is not None:
                raise
            # The error came from setuid or setgid, before the program was executed.
            raise EmbeddedError(
                f"this process can't become the user {self.name}: {error.strerror}"
            ) from error


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"with id {uid}"


def owner_of(folder: Path) -> Owner | None:
    """The owner of a directory that was used before; None if root has to choose one.

    Raises `EmbeddedError` if it belongs to another user, unless we are root.
    """
    for place in (folder / "pgdata", folder):
        try:
            status = place.stat()
        except FileNotFoundError:
            continue
        except PermissionError:  # a closed directory hides its contents, but shows its owner
            if place == folder:
                raise
            continue
        if os.geteuid() == status.st_uid:
            return None if status.st_uid == 0 else Owner(status.st_uid, os.getegid())
        if os.geteuid() == 0:
            return Owner(status.st_uid, status.st_gid)
        raise EmbeddedError(
            f"{place} belongs to the user {user_name(status.st_uid)}: choose another --data-dir"
        )
    return None


def choose_owner(folder: Path) -> Owner:
    """The future owner of the directory `folder`, which only we and root have used so far."""
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    obstacles: list[str] = []
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            obstacles.append(f"there is no user {name}")
            continue
        owner = Owner(entry.pw_uid, entry.pw_gid)
        obstacle = _obstacle(owner, folder)
        if obstacle is None:
            return owner
        obstacles.append(obstacle)
    raise EmbeddedError(
        f"PostgreSQL can't run as root, and not as another user either: {'; '.join(obstacles)}. Run as an"
        " ordinary user, or choose a --data-dir that these users can reach"
    )


def _obstacle(owner: Owner, folder: Path) -> str | None:
    """Why `owner` can't work in `folder`. If it is missing or empty, it will belong to `owner`: its parent counts."""
    place = folder
    while not place.exists() or (place == folder and not any(place.iterdir())):
        place = place.parent
    try:
        reached = owner.run(["/bin/sh", "-c", 'test -x "$1"', "sh", str(place)], cwd=Path("/"), timeout=30)
    except EmbeddedError as error:
        return str(error)
    return None if reached.returncode == 0 else f"{place} is closed to the user {owner.name}"

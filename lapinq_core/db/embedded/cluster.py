"""Creates the database cluster, and tells which version created it.

initdb works under a temporary name and the result is renamed, so `pgdata` is complete whenever it exists.
"""

import shutil
import time
from pathlib import Path

from lapinq_core.db.embedded.binaries import Binaries, Version, binaries_of_major
from lapinq_core.db.embedded.errors import EmbeddedError
from lapinq_core.db.embedded.folder import Folder

SUPERUSER = "lapinq"

# Text sorts by code point and folds case beyond ASCII. From 17 on the server does that itself; before, the system's C
# library does, if it knows the locale.
_BUILTIN = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
_SYSTEM = ("--locale=C.UTF-8",)
_PLAIN = ("--locale=C",)


def cluster_major(pgdata: Path) -> int | None:
    """The major version of the cluster's files; None if there is no cluster."""
    try:
        return int((pgdata / "PG_VERSION").read_text().strip())
    except (FileNotFoundError, ValueError):
        return None


def check_major(folder: Folder, version: Version, binaries: Binaries) -> None:
    """Raises `EmbeddedError` if another major version than that of `binaries` created the cluster."""
    major = cluster_major(folder.pgdata)
    if major == version.major:
        return
    if major is None:
        raise EmbeddedError(f"{folder.pgdata} holds no database: move it away")
    fitting = binaries_of_major(major)
    hint = fitting.directory if fitting else "…"
    raise EmbeddedError(
        f"PostgreSQL {major} created the database in {folder.path}, but the programs in"
        f" {binaries.directory} are {version}: use those of PostgreSQL {major} with --pg-bin {hint}, or"
        " choose another --data-dir and move the data there with pg_dump"
    )


def make_cluster(
    folder: Folder, binaries: Binaries, version: Version, *, inherit: int, timeout: float
) -> None:
    """Creates `pgdata`, and removes what an interrupted attempt left.

    The caller makes sure that nobody else does so at the same time. initdb inherits the file `inherit`.
    """
    unfinished = folder.path / "pgdata.new"
    _remove(unfinished)
    folder.make_private(unfinished)
    try:
        _initdb(folder, unfinished, binaries, version, inherit=inherit, timeout=timeout)
        unfinished.rename(folder.pgdata)
        folder.sync()
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _initdb(
    folder: Folder, target: Path, binaries: Binaries, version: Version, *, inherit: int, timeout: float
) -> None:
    give_up = time.monotonic() + timeout
    output = ""
    for locale in (_BUILTIN,) if version.major >= 17 else (_SYSTEM, _PLAIN):
        command = [
            str(binaries.initdb),
            f"--pgdata={target}",
            f"--username={SUPERUSER}",
            "--encoding=UTF8",
            *locale,
            "--auth-local=trust",  # only the owner or root can reach the socket
            "--auth-host=reject",
            "--no-instructions",
        ]
        done = folder.owner.run(
            command, cwd=folder.path, timeout=give_up - time.monotonic(), inherit=(inherit,)
        )
        if done.returncode == 0:
            return
        output = done.stdout
        if "locale" not in output:
            break
    raise EmbeddedError(f"{binaries.initdb} couldn't create a database in {folder.path}:\n{output.strip()}")


def _remove(directory: Path) -> None:
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return

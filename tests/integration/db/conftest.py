"""An empty and a migrated database, and a directory for an embedded one, empty or with a cluster made before."""

import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from lapinq_core.db.embedded import EmbeddedDatabase
from lapinq_core.db.migrate import migrate
from lapinq_core.db.private_databases import new_database
from tests.support.database import postgres
from tests.support.programs import embedded
from tests.support.rows.weeks import monday


@pytest.fixture
def empty(postgres_url: str) -> Generator[str]:
    """The URL of a database with nothing in it."""
    with postgres.private_database(postgres_url) as url:
        yield url


@pytest.fixture
def migrated(postgres_url: str, _migrated_once: str) -> Generator[str]:
    """The URL of a database that was migrated, without what the tests add to theirs."""
    with postgres.private_database(postgres_url, _migrated_once) as url:
        yield url


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
def put_database(_stopped_database: Path) -> Callable[[Path], None]:
    """Puts a database which was used and stopped before to a path: that saves an initdb."""

    def put(path: Path) -> None:
        subprocess.run(["cp", "-a", "--sparse=always", str(_stopped_database), str(path)], check=True)

    return put


@pytest.fixture
def used_dir(data_dir: Path, put_database: Callable[[Path], None]) -> Path:
    """The directory with such a database in it."""
    put_database(data_dir)
    return data_dir


@pytest.fixture(scope="session")
def _migrated_once(postgres_url: str) -> Generator[str]:
    """The name of a database to copy."""
    name = postgres.name_of_template(monday(0))
    with new_database(postgres_url, name) as url:
        migrate(url)
        yield name


@pytest.fixture(scope="session")
def _stopped_database() -> Generator[Path]:
    with embedded.open_directory() as directory:
        with EmbeddedDatabase(directory / "data").use():
            pass
        yield directory / "data"

"""A directory for an embedded database of the test's own."""

from collections.abc import Generator
from pathlib import Path

import pytest

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

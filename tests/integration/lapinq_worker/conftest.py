"""Fixtures of the tests of a worker on a real database."""

from pathlib import Path

import pytest

from tests.integration.lapinq_worker.desk import Gate


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate, shut."""
    return Gate(tmp_path / "gate")

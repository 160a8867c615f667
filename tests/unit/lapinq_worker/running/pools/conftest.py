"""A gate for functions in child processes."""

from pathlib import Path

import pytest

from tests.support.sample.gate import Gate


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate, shut."""
    return Gate(tmp_path / "gate")

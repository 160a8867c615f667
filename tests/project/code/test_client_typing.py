"""The sample of users' code that pyright and mypy check uses the whole public interface."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import lapinq
from lapinq import errors, testing

SAMPLE = (Path(__file__).parents[2] / "typing/client.py").read_text()


@pytest.mark.parametrize("module", [lapinq, errors, testing], ids=lambda module: module.__name__)
def test_the_sample_has_every_public_name(module: ModuleType) -> None:
    names = [name for name in module.__all__ if not name.startswith("__")]
    assert [name for name in names if not re.search(rf"\b{name}\b", SAMPLE)] == []

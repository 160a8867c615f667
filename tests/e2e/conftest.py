"""Fixtures of the tests that run the programs."""

from collections.abc import Generator

import pytest

from tests.support.processes import ApiProcess


@pytest.fixture
def server(database: str) -> Generator[ApiProcess]:
    """`lapinq server --worker` as a user starts it; tasks come from `tests.support.tasks`."""
    with ApiProcess(database, "--worker") as api:
        yield api

"""Fixtures of the tests that run the programs."""

from collections.abc import Generator

import pytest

from tests.support.database.postgres import private_database
from tests.support.programs.processes import ApiProcess


@pytest.fixture(scope="module")
def server(postgres_url: str, template_database: str) -> Generator[ApiProcess]:
    """`lapinq server --worker` as a user starts it, for all tests of a module."""
    with (
        private_database(postgres_url, template_database) as database,
        ApiProcess(database, "--worker") as api,
    ):
        yield api

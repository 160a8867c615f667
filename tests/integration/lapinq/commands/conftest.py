"""Fixtures of commands, for the tests of a module: a database, and a server on it that wants a key. No worker runs."""

from collections.abc import Iterator

import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from tests.support.database.postgres import private_database
from tests.support.http.people import quick_passwords
from tests.support.http.serving import serving

KEY = "the key of the server"


@pytest.fixture(scope="module", autouse=True)
def _quick_passwords() -> Iterator[None]:
    with quick_passwords():
        yield


@pytest.fixture(scope="module")
def command_database(postgres_url: str, template_database: str) -> Iterator[str]:
    with private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def server_url(command_database: str) -> Iterator[str]:
    with serving(build_app(Settings(database_url=command_database, api_key=KEY))) as client:
        yield str(client.base_url)


@pytest.fixture(scope="module")
def at_server(server_url: str) -> tuple[str, ...]:
    """The flags that lead a command to the server, as its key."""
    return "--server", server_url, "--api-key", KEY


@pytest.fixture(scope="module")
def at_database(command_database: str) -> tuple[str, ...]:
    """The flags that lead a command to the same database without the server."""
    return "--database-url", command_database


@pytest.fixture
def emptied(command_database: str) -> str:
    """The same database, without schedules, keys and an audit log."""
    with psycopg.connect(command_database, autocommit=True) as conn:
        conn.execute("DELETE FROM lapinq_schedules; DELETE FROM lapinq_api_keys; DELETE FROM lapinq_audit")
    return command_database

"""Fixtures of the HTTP service: a server that a module shares, and one of a test's own with settings of its own."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import Status
from lapinq_core.runtime.settings import Settings
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database import postgres
from tests.support.database.running import on_connections
from tests.support.http.people import browser, quick_passwords
from tests.support.http.schedules_over_http import create
from tests.support.http.serving import serving
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

Serve = Callable[..., httpx.Client]

_names = (f"queue {number}" for number in itertools.count())
_schedules = (f"schedule {number}" for number in itertools.count())


@pytest.fixture(scope="module", autouse=True)
def _quick_passwords() -> Iterator[None]:
    with quick_passwords():
        yield


@pytest.fixture(scope="module")
def api_database(postgres_url: str, template_database: str) -> Iterator[str]:
    """A migrated database for the tests of a module."""
    with postgres.private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def api(api_database: str) -> Iterator[httpx.Client]:
    """A client of a server with the usual settings."""
    with serving(build_app(Settings(database_url=api_database))) as client:
        yield client


@pytest.fixture(scope="module")
def signed_in(api: httpx.Client) -> Iterator[httpx.Client]:
    """A client of the same server, logged in as the first user, an admin."""
    with browser(api) as client:
        yield client


@pytest.fixture(scope="module")
def db(api_database: str) -> Iterator[psycopg.Connection]:
    """A connection to the same database, in autocommit mode."""
    with psycopg.connect(api_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def serve(api_database: str) -> Iterator[Serve]:
    """Starts a server with the given settings, on the module's database unless they name another."""
    with ExitStack() as running:

        def start(**settings: object) -> httpx.Client:
            chosen = Settings(**{"database_url": api_database, **settings})  # pyright: ignore[reportArgumentType]
            return running.enter_context(serving(build_app(chosen)))

        yield start


@pytest.fixture(scope="module")
def keyed(api_database: str) -> Iterator[httpx.Client]:
    """A client that holds the key of a server, on the module's database."""
    with serving(build_app(Settings(database_url=api_database, api_key="secret"))) as client:
        client.headers["X-API-Key"] = "secret"
        yield client


@pytest.fixture
def queue() -> str:
    """The name of a queue of the test's own."""
    return next(_names)


@pytest.fixture
def name() -> str:
    """The name of a schedule of the test's own."""
    return next(_schedules)


@pytest.fixture
def schedule(api: httpx.Client, name: str) -> dict[str, Any]:
    """A schedule of this name, as it was answered."""
    return create(api, name)


@pytest.fixture
def made(api_database: str) -> dict[Status, str]:
    """The id of a task of every status, in a queue of their own."""
    return on_connections(api_database, partial(one_of_each, queue=next(_names)))


@pytest.fixture
def held(api_database: str) -> Claim:
    """A claim on a running task."""

    async def take(conn: Conn) -> Claim:
        queue = next(_names)
        await enqueue(conn, queue_name=queue)
        [taken] = await claim(conn, await add_worker(conn), queue=queue)
        return taken

    return on_connections(api_database, take)

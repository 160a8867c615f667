"""Fixtures of tests that need a database: `conn` rolls back and is quick, `database` is a private copy."""

import gc
import os
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tests.support.database import postgres
from tests.support.programs.previous_release import unpack
from tests.support.rows.factories import Conn, Connections, RolledBack
from tests.support.rows.weeks import monday

# From those that take longest to those that take no time. Of the unit tests, those of the worker start processes.
KINDS = ["chaos", "browser", "e2e", "project", "integration", "unit/lapinq_worker", "unit"]

COMMITTED = "the test has committed something that others see: let it ask for `database`, too"


def pytest_configure() -> None:
    """Lets a run that is told to end tear down what it set up, as after Ctrl-C. Hides the database of the shell.

    A job in the background of a script ignores Ctrl-C, and so would every program that tests start and interrupt.
    """
    for name in ("DATABASE_URL", "LAPINQ_DATABASE_URL"):
        os.environ.pop(name, None)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Spares the garbage collector ten thousand tests that live to the end: while they are collected, and later."""
    gc.disable()
    try:
        _import_a_share(session.config)
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def _import_a_share(config: pytest.Config) -> None:
    """Where several processes share the tests, each compiles some of the files first: in a fresh clone all of them
    would compile all files, as they collect the same ones at the same time. What fails here fails again when it is
    collected, and is reported then."""
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is None:
        return
    number = int(worker["workerid"].removeprefix("gw"))
    for file in _files_of(config)[number :: worker["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(file.with_suffix("").parts))


def _files_of(config: pytest.Config) -> list[Path]:
    """Test files below the folder that pytest was started in, of whole folders and files alone."""
    given = [Path(argument) for argument in config.args]
    found = {file for path in given for file in (path.rglob("test_*.py") if path.is_dir() else [path])}
    return sorted(file for file in found if file.is_file() and not file.is_absolute())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, those that take long come first: none is left with one at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=_place_in_order)


def _place_in_order(item: pytest.Item) -> int:
    """Tests of no kind come first."""
    kinds = enumerate(KINDS)
    return next((place for place, kind in kinds if item.nodeid.startswith(f"tests/{kind}/")), -1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server for the whole run, as the URL of a superuser."""
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> Iterator[str]:
    """A migrated database to copy."""
    with postgres.template(postgres_url) as name:
        yield name


@pytest.fixture
def database(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL of a private, migrated database: for NOTIFY, several connections and other processes."""
    with postgres.private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture(scope="session")
def database_of_the_run(postgres_url: str, template_database: str) -> Iterator[str]:
    with postgres.private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture
def shared_database(database_of_the_run: str) -> str:
    """The URL of a migrated database for work that is rolled back; up to date, also after a Monday has begun."""
    postgres.renew_partitions(database_of_the_run, monday(0))
    return database_of_the_run


@pytest.fixture(scope="session")
def previous_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the packages of the previous release."""
    return unpack(tmp_path_factory.mktemp("previous-release"))


@pytest.fixture
def anyio_backend() -> str:
    """What runs coroutines: tests, and fixtures they ask for."""
    return "asyncio"


@pytest.fixture
async def conn(request: pytest.FixtureRequest, shared_database: str) -> AsyncIterator[Conn]:
    """A connection as the product's. What it does is rolled back; unless the test asks for `database`, too: then that
    is what it is connected to, and it commits. A test that counts pages asks for it: what others rolled back still lies
    on those of the shared database.

    As on connections that claim, nothing is compiled: a PostgreSQL with LLVM would take half a second for a large plan.
    """
    if "database" in request.fixturenames:
        async with await Conn.open(request.getfixturevalue("database")) as connection:
            await connection.execute("SET jit = off")
            yield connection
        return
    connection = await RolledBack.open(shared_database)
    try:
        # What a commit would check, such as whether a task may move so, each statement checks.
        await connection.execute("SET jit = off; START TRANSACTION; SET CONSTRAINTS ALL IMMEDIATE")
        yield connection
        assert connection.info.transaction_status != TransactionStatus.IDLE, COMMITTED
    finally:
        await connection.execute("ROLLBACK")
        await connection.close()


@pytest.fixture
async def connections(database: str) -> AsyncIterator[Connections]:
    """Opens several of them, each of which commits: `one, other = await connections(2)`."""
    async with AsyncExitStack() as stack:

        async def opened() -> Conn:
            connection = await Conn.open(database)
            stack.push_async_callback(connection.close)
            await connection.execute("SET jit = off")
            return connection

        async def open_all(count: int) -> list[Conn]:
            return [await opened() for _ in range(count)]

        yield open_all


@pytest.fixture
def sync_conn(shared_database: str) -> Iterator[psycopg.Connection]:
    """A connection whose transaction is rolled back at the end of the test."""
    with psycopg.connect(shared_database) as connection:
        yield connection
        connection.rollback()

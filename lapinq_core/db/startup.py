"""The first steps of every program: find the database, check the schema, and report errors plainly."""

import asyncio
import logging
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lapinq_core.db.errors import DatabaseUnavailable, translated
from lapinq_core.db.migrate import OldTables, SchemaError, current_revision, head_revision, migrate
from lapinq_core.db.pool import connect_sync, ended_after
from lapinq_core.db.url_check import check_url
from lapinq_core.domain.errors import InvalidValue, LapinqError
from lapinq_core.runtime import exits
from lapinq_core.runtime.loops import succeed
from lapinq_core.runtime.setting_values import EmptySetting, SettingsError
from lapinq_core.runtime.settings import Settings

if TYPE_CHECKING:
    from lapinq_core.db.embedded import Lease

WATCH_SECONDS = 1.0
WATCH_JOIN_SECONDS = 60.0
CHECK_SECONDS = 10.0

log = logging.getLogger(__name__)


@contextmanager
def database(settings: Settings) -> Generator[str]:
    """The URL of the database to use while the context lasts.

    If the settings name none it is the embedded one, which is started if necessary, migrated, and released at the end.
    Raises `NoBinaries` if there is no PostgreSQL to run. A named database is not touched; a malformed URL raises
    `SettingsError`.
    """
    if settings.listen_database_url is not None:
        _check_url(settings.listen_database_url, "LAPINQ_LISTEN_DATABASE_URL")
    if settings.database_url is not None:
        _check_url(settings.database_url, "--database-url, LAPINQ_DATABASE_URL or DATABASE_URL")
        yield settings.database_url
        return
    from lapinq_core.db.embedded import EmbeddedDatabase  # not needed when the settings name a database

    lease = EmbeddedDatabase(settings.data_dir, settings.pg_bin).acquire()
    try:
        migrate(lease.url)
        sys.stderr.write(f"embedded PostgreSQL, for development: {lease.url}\n")
        sys.stderr.flush()
        with _kept_up(lease):
            yield lease.url
    finally:
        lease.release()


@contextmanager
def _kept_up(lease: "Lease") -> Generator[None]:
    """Restarts the embedded server when somebody killed it: nobody else would."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            try:
                lease.ensure()
            except LapinqError as error:
                log.warning("the embedded database is down: %s", error)

    watcher = threading.Thread(target=watch, name="lapinq embedded database", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(timeout=WATCH_JOIN_SECONDS)


def prepare_schema(url: str, *, migrates: bool, direct_url: str | None = None) -> None:
    """Makes sure that the database at `url` has the schema of this release or a later one.

    With `migrates` it migrates, at `direct_url` if `url` leads through a pooler; otherwise `SchemaError` says what to
    run. Raises `DatabaseUnavailable` when the database is down, and `MigrationBusy` when another process takes too long
    to migrate it.
    """
    head, current = head_revision(), _revision_at(url)
    # Revisions are numbered in order; a release runs on the schema of the next one too.
    if current is not None and current >= head:
        return
    if not migrates:
        found = (
            "lapinq isn't installed in this database"
            if current is None
            else f"the database's schema is at {current}"
        )
        raise SchemaError(f"{found}, this version needs {head}: run `lapinq migrate`")
    migrate(direct_url or url)


def _revision_at(url: str) -> str | None:
    """As `current_revision`. Also raises `DatabaseUnavailable` if there is no answer within `CHECK_SECONDS`.

    A pooler may accept a connection and let it wait for one to the database. A program that is stopping should not wait
    for that, nor leave a check behind.
    """
    with (
        translated(),
        connect_sync(url, "lapinq-startup") as connection,
        ended_after(connection, CHECK_SECONDS),
    ):
        return current_revision(connection)


async def wait_for_schema(url: str, stop: asyncio.Event) -> None:
    """Returns once the database is up and has the schema, or `stop` is set: programs may start in any order.

    Raises `OldTables`, which no migration changes.
    """
    expected = (DatabaseUnavailable, SchemaError)
    hopeless: list[OldTables] = []

    async def prepare() -> None:
        try:
            await asyncio.to_thread(prepare_schema, url, migrates=False)
        except OldTables as error:
            hopeless.append(error)

    await succeed("startup", prepare, until=stop, expected=lambda error: isinstance(error, expected))
    if hopeless:
        raise hopeless[0]


@contextmanager
def explained() -> Generator[None]:
    """Around a command: turns lapinq's errors into a message on standard error and an exit code."""
    try:
        yield
    except SettingsError as error:
        code = exits.EMPTY_SETTING if isinstance(error, EmptySetting) else exits.USAGE
        raise _stop(error, code) from error
    except LapinqError as error:
        from lapinq_core.db.embedded import NoBinaries

        raise _stop(error, exits.NO_DATABASE if isinstance(error, NoBinaries) else exits.FAILED) from error


def _check_url(url: str, name: str) -> None:
    try:
        check_url(url)
    except InvalidValue as error:
        raise SettingsError(f"the URL of the database is not valid ({name}): {error.msg}") from None


def _stop(error: Exception, code: int) -> SystemExit:
    sys.stderr.write(f"Error: {error}\n")
    return SystemExit(code)

"""Migrates the schema, and tells whether it is up to date.

Any number of processes may call `migrate` at once: an advisory lock lets one migrate while the others wait and then
find nothing to do. A migration waits only briefly for the lock of a table: while one long query holds that table, all
other queries would queue behind the migration. It fails instead, and can be run again.
"""

import time
from importlib.resources import files

import psycopg
from psycopg import errors as pg

from lapinq_core.db.errors import translated
from lapinq_core.db.pool import ISOLATION, conninfo
from lapinq_core.domain.errors import LapinqError

LOCK_WAIT_SECONDS = 60.0
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"
BEFORE_BASELINE = "51270d52bfa4"
"""A commit that still has the revisions before the baseline."""

_LOCK_KEY = 0x6C6170696E71  # "lapinq"


class SchemaError(LapinqError):
    """The schema of the database doesn't fit this release."""


class OldTables(SchemaError):
    """The database has the tables of lapinq 1.3.0, whose names are ours."""

    def __init__(self) -> None:
        super().__init__(
            "this database has the tables of lapinq 1.3.0, which this version neither reads nor changes: create a"
            " schema beside them and name it in the URL, postgresql://…?options=-csearch_path%3DSCHEMA (see Upgrading,"
            " From 1.3.0)"
        )


class MigrationBusy(LapinqError):
    """Another process is migrating this database and hasn't finished in time."""


def migrate(url: str, *, lock_wait: float = LOCK_WAIT_SECONDS) -> tuple[str | None, str]:
    """Migrates the database at `url` to this release's schema; returns the revisions before and after.

    Waits up to `lock_wait` seconds while another process migrates, then raises `MigrationBusy`. Raises
    `DatabaseUnavailable` if the database is unavailable, and `SchemaError` if its schema is older than the baseline.
    """
    with translated(), psycopg.connect(conninfo(url, "lapinq-migrate"), autocommit=True) as connection:
        connection.execute(f"SET default_transaction_isolation = '{ISOLATION}'; SET timezone = 'UTC'")
        _take_lock(connection, lock_wait)
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_TIMEOUT,))
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (STATEMENT_TIMEOUT,))
        before = current_revision(connection)
        if before is not None and before >= head_revision():
            return before, before  # up to date, or newer: this release runs on the next one's schema
        if before is not None and before < revisions()[0]:
            raise SchemaError(
                f"the database's schema is at {before}, from before the first release: run `lapinq migrate` at commit"
                f" {BEFORE_BASELINE} of lapinq first, or start with an empty database"
            )
        # These take a third of a second to import, which a database that is up to date doesn't need.
        import sqlalchemy as sa
        from alembic import command
        from sqlalchemy.exc import DBAPIError

        connection.autocommit = False  # SQLAlchemy leaves BEGIN to the driver
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=lambda: connection, poolclass=sa.StaticPool
        )
        with engine.connect() as shared:
            config = _config()
            config.attributes["connection"] = shared
            try:
                command.upgrade(config, "head")
            except DBAPIError as error:
                if isinstance(error.orig, pg.InsufficientPrivilege):
                    raise _not_permitted(
                        error.orig, "migrate as a user who may create tables there"
                    ) from error
                # Raise the driver's own error, without the whole script in its message.
                raise error.orig or error from None
        connection.autocommit = True
        after = current_revision(connection)
    assert after is not None, "alembic upgraded to head"
    return before, after


def head_revision() -> str:
    """The revision this release was written for."""
    return revisions()[-1]


def revisions() -> list[str]:
    """Every revision this release knows, in order: the files in `lapinq_migrations.versions` are numbered."""
    names = (entry.name for entry in files("lapinq_migrations.versions").iterdir())
    return sorted(name.partition("_")[0] for name in names if name.endswith(".py") and name[0].isdigit())


def current_revision(connection: psycopg.Connection) -> str | None:
    """The revision the database is at; None if lapinq isn't installed there. Raises `SchemaError`, and `OldTables`."""
    if connection.execute("SELECT to_regclass('lapinq_schema_version')").fetchone() == (None,):
        return None
    try:
        row = connection.execute("SELECT version_num FROM lapinq_schema_version").fetchone()
    except pg.UndefinedColumn:
        raise OldTables from None
    except pg.InsufficientPrivilege as error:
        raise _not_permitted(error, "connect as a user who may use lapinq's tables") from error
    return row[0] if row else None


def _not_permitted(error: pg.InsufficientPrivilege, remedy: str) -> SchemaError:
    """The error for a user of the database who may not use, or change, the schema."""
    return SchemaError(f"{error.diag.message_primary or error}: {remedy}")


def _config():  # its type would import alembic
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "lapinq_migrations:")
    return config


def _take_lock(connection: psycopg.Connection, wait: float) -> None:
    give_up = time.monotonic() + wait
    while connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK_KEY,)).fetchone() != (True,):
        if time.monotonic() > give_up:
            raise MigrationBusy
        time.sleep(0.1)

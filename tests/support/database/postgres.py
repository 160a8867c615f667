"""A PostgreSQL server for the tests, and private databases in it.

The newest there is by default: `LAPINQ_TEST_PG_BIN` names the programs of another, `LAPINQ_TEST_IMAGE` an image to run
where a Docker engine answers ("postgres:16"), `LAPINQ_TEST_DATABASE_URL` an existing server whose user may create
databases.
"""

import os
import re
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql

from lapinq_core.db.embedded.temporary import temporary_server
from lapinq_core.db.migrate import migrate
from lapinq_core.db.private_databases import new_database
from lapinq_core.upkeep.maintenance_jobs import PARTITION_WEEKS_AHEAD
from tests.support.database import state_machine
from tests.support.rows.weeks import monday

TEMPLATE_VARIABLE = "LAPINQ_TEST_TEMPLATE"
"""Names a migrated database on the given server, for runs inside a run."""

_WEEK_IN_NAME = re.compile(r"lapinq_template_(\d{8})_")


@contextmanager
def server(pg_bin: Path | None = None) -> Generator[str]:
    """The URL of a server that lives as long as the context."""
    if url := os.environ.get("LAPINQ_TEST_DATABASE_URL"):
        yield url
        return
    if image := os.environ.get("LAPINQ_TEST_IMAGE"):
        from testcontainers.community.postgres import PostgresContainer  # takes a Docker engine

        with PostgresContainer(image, driver=None) as container:
            yield container.get_connection_url()
        return
    named = os.environ.get("LAPINQ_TEST_PG_BIN")
    with temporary_server(pg_bin or (Path(named) if named else None)) as url:
        _postpone_autovacuum(url)
        yield url


def _postpone_autovacuum(url: str) -> None:
    """Tests that look at plans give the planner its statistics themselves; autovacuum would change them meanwhile."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET autovacuum_naptime = '1d'")
        conn.execute("SELECT pg_reload_conf()")


@contextmanager
def template(server_url: str) -> Generator[str]:
    """The name of a migrated database that private ones are copied from; it refuses illegal moves of tasks."""
    if given := os.environ.get(TEMPLATE_VARIABLE):
        yield given
        return
    name = name_of_template(monday(0))
    with new_database(server_url, name) as url:
        migrate(url)
        state_machine.install(url)
        yield name


def name_of_template(week: datetime) -> str:
    """A new name for a template that was migrated in the week that begins at `week`."""
    return f"lapinq_template_{week:%Y%m%d}_{uuid.uuid4().hex[:8]}"


@contextmanager
def private_database(server_url: str, template_name: str | None = None) -> Generator[str]:
    """The URL of a new database: a copy of the template, or an empty one.

    The copy has the partitions that a migration makes now, also if the template was migrated before a Monday began.
    """
    with new_database(server_url, f"lapinq_test_{uuid.uuid4().hex[:12]}", template_name) as url:
        migrated = _WEEK_IN_NAME.match(template_name or "")
        if migrated and migrated[1] < f"{monday(0):%Y%m%d}":
            renew_partitions(url, monday(0))
        yield url


@cache
def renew_partitions(url: str, week: datetime) -> None:
    """Once in the week that began at `week`: drops those of weeks before it, which tests would count, and creates the
    missing ones."""
    with psycopg.connect(url) as conn:
        old = conn.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
            " WHERE inhparent IN ('lapinq_tasks'::regclass, 'lapinq_attempts'::regclass)"
            " AND relname !~ 'default' AND right(relname, 8) < %s",
            [f"{week:%Y%m%d}"],
        )
        for (name,) in old.fetchall():
            conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        conn.execute("SELECT lapinq_ensure_partitions(%s)", [PARTITION_WEEKS_AHEAD])

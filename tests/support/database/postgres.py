"""A PostgreSQL server for the tests, and private databases in it.

The newest there is by default: `LAPINQ_TEST_PG_BIN` names the programs of another, `LAPINQ_TEST_IMAGE` an image to run
where a Docker engine answers ("postgres:16"), `LAPINQ_TEST_DATABASE_URL` an existing server whose user may create
databases.
"""

import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lapinq_core.db.embedded.temporary import temporary_server
from lapinq_core.db.migrate import migrate
from lapinq_core.db.private_databases import new_database
from tests.support.database import state_machine

TEMPLATE_VARIABLE = "LAPINQ_TEST_TEMPLATE"
"""Names a migrated database on the given server, for runs inside a run."""


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
        yield url


@contextmanager
def template(server_url: str) -> Generator[str]:
    """The name of a migrated database that private ones are copied from; it refuses illegal moves of tasks."""
    if given := os.environ.get(TEMPLATE_VARIABLE):
        yield given
        return
    name = f"lapinq_template_{uuid.uuid4().hex[:8]}"
    with new_database(server_url, name) as url:
        migrate(url)
        state_machine.install(url)
        yield name


@contextmanager
def private_database(server_url: str, template_name: str | None = None) -> Generator[str]:
    """The URL of a new database: a copy of the template, or an empty one."""
    with new_database(server_url, f"lapinq_test_{uuid.uuid4().hex[:12]}", template_name) as url:
        yield url

"""`database`: a migrated PostgreSQL database for one test.

The first use in a process starts a server (or takes the one in LAPINQ_TEST_DATABASE_URL, whose user may create
databases) and migrates a template. Each test gets a copy, which takes some hundredths of a second.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import uuid
from typing import TYPE_CHECKING, NamedTuple

from lapinq._client.calling.replacing import replaced_by
from lapinq.testing.clock import travelling
from lapinq.testing.routing import ToDatabase
from lapinq_core.db.embedded.temporary import temporary_server
from lapinq_core.db.migrate import migrate
from lapinq_core.db.moved_clock import move_clock
from lapinq_core.db.private_databases import new_database
from lapinq_core.domain.hosts.database_url import libpq_url

if TYPE_CHECKING:
    from collections.abc import Generator

_VARIABLE = "LAPINQ_TEST_DATABASE_URL"


class Template(NamedTuple):
    server_url: str
    name: str
    pid: int


prepared: Template | None = None


class Database:
    """`url` leads to it, for SQLAlchemy and others as for lapinq: add your own tables there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._travelled = 0.0

    def travel(self, seconds: float) -> None:
        """See `lapinq.testing.travel`."""
        self._travelled += seconds
        move_clock(self.url, self._travelled)


@contextlib.contextmanager
def database() -> Generator[Database]:
    """A new database, dropped at the end. All queues lead there while the context lasts.

    Raises `NoBinaries` if there is no PostgreSQL to start.
    """
    template = _prepare()
    name = f"lapinq_test_{uuid.uuid4().hex[:12]}"
    with new_database(template.server_url, name, template.name) as url:
        found = Database(url)
        with (
            contextlib.closing(ToDatabase(url)) as to_database,
            replaced_by(to_database),
            travelling(found.travel),
        ):
            yield found


def _prepare() -> Template:
    """The template of this process. It lasts until the process ends."""
    global prepared
    if prepared is None or prepared.pid != os.getpid():
        with contextlib.ExitStack() as stack:
            server_url = libpq_url(os.environ.get(_VARIABLE, "")) or stack.enter_context(temporary_server())
            name = f"lapinq_template_{uuid.uuid4().hex[:8]}"
            migrate(stack.enter_context(new_database(server_url, name)))
            atexit.register(_close, stack.pop_all(), os.getpid())
        prepared = Template(server_url, name, os.getpid())
    return prepared


def _close(stack: contextlib.ExitStack, pid: int) -> None:
    if os.getpid() == pid:  # a fork has copied this
        stack.close()

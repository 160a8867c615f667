"""`database`: a migrated PostgreSQL database for one test.

The first use in a process starts a server (or takes the one in LAPINQ_TEST_DATABASE_URL, whose user may create
databases) and migrates a template. Each test gets a copy, which takes some hundredths of a second.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lapinq._client.calling.replacing import replaced_by
from lapinq._client.database.transport import Direct
from lapinq._client.declaring.rules import declared_rules, listening
from lapinq.testing.clock import travelling
from lapinq_core.db.embedded.temporary import temporary_server
from lapinq_core.db.migrate import migrate
from lapinq_core.db.moved_clock import move_clock
from lapinq_core.db.pool import connect
from lapinq_core.db.private_databases import new_database
from lapinq_core.domain.hosts.database_url import libpq_url
from lapinq_core.domain.schedules.schedule_file import MODULE
from lapinq_core.schedules.applying import apply, author_of
from lapinq_core.schedules.comparing import Gone, Others, WantedRule

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.settings import ServerSettings
    from lapinq_core.domain.limits.declared import Rule

_SOURCE = f"{MODULE}lapinq.testing"
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

    It has the limits, policies and circuit breakers that the process declares.

    Raises `NoBinaries` if there is no PostgreSQL to start.
    """
    template = _prepare()
    name = f"lapinq_test_{uuid.uuid4().hex[:12]}"
    with new_database(template.server_url, name, template.name) as url:
        found = Database(url)
        _store(url, [*declared_rules.values()])
        with (
            listening(lambda rule: _store(url, [rule])),
            contextlib.closing(_ToDatabase(url)) as to_database,
            replaced_by(to_database),
            travelling(found.travel),
        ):
            yield found


def _store(url: str, rules: Sequence[Rule]) -> None:
    async def store() -> None:
        async with await connect(url, "lapinq-testing") as conn:
            wanted = [WantedRule(rule=rule, source=_SOURCE) for rule in rules]
            await apply(conn, wanted, [], by=author_of("lapinq.testing"), gone=Gone.LEFT, others=Others.TAKEN)

    if rules:
        with ThreadPoolExecutor(1) as thread:  # the test may be a coroutine
            thread.submit(asyncio.run, store()).result()


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


class _ToDatabase:
    """Sends the calls of all queues to the test's database: a transport like that of a `TaskQueue(url)`."""

    max_in_batch: int | None = None

    def __init__(self, url: str) -> None:
        self._url = url
        self._direct = Direct()

    def in_transaction(self, transport: object) -> None:
        """The connection itself stores the tasks."""

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return self._direct.send(call, _Address(self._url, timeout=server.timeout), timeout)

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return await self._direct.asend(call, _Address(self._url, timeout=server.timeout), timeout)

    def close(self) -> None:
        self._direct.close()

    async def aclose(self) -> None:
        await self._direct.aclose()


class _Address(msgspec.Struct):
    server_url: str
    api_key: str | None = None
    timeout: float = 30.0

"""Connections: their kinds, how to open them, their settings, and the pool that requests share.

A verb that works on any connection takes psycopg's; one that needs a kind names it. All connections are in autocommit
mode: a statement is its own transaction unless the caller opens one.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeAlias, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg import sql
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

from lapinq_core.db.pipelined import forget_prepared

STATEMENT_TIMEOUT_SECONDS = 30.0
LOCK_TIMEOUT_SECONDS = 5.0
IDLE_IN_TRANSACTION_SECONDS = 60.0
CONNECT_TIMEOUT_SECONDS = 5
ISOLATION = "read committed"
"""All statements rely on it: after waiting for a lock they see what was committed in the meantime."""
LISTENING_SECONDS = 2.0
DRAIN_INTERVAL_SECONDS = 1.0
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""The protocol's SSLRequest, which every PostgreSQL answers with a letter, whether or not it offers TLS."""

# The kernel notices within about ten seconds that a peer vanished silently.
_DEFAULTS = {
    "client_encoding": "utf8",
    "connect_timeout": str(CONNECT_TIMEOUT_SECONDS),
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


PLAN_SETTINGS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # Planning for the values of a claim of one task costs as much as the claim, and gives the same plan.
    "plan_cache_mode": "force_generic_plan",
}
"""The settings of a `PinnedConnection`."""

# Some servers are built without lz4, and refuse its name.
_FASTER_COMPRESSION = """
DO $$ BEGIN
    SET default_toast_compression = lz4;
EXCEPTION WHEN invalid_parameter_value THEN
    NULL;
END $$
"""


class PooledConnection(psycopg.AsyncConnection):
    """Borrowed from a `Pool` for one statement or transaction, possibly through a transaction pooler.

    The planner chooses the plans. A verb that needs settings sets them with SET LOCAL in its transaction.
    """

    def _deallocate(self, name: bytes | None) -> PQGen[None]:
        if name is None:  # psycopg deallocates all after a rollback
            forget_prepared(self)
        return super()._deallocate(name)


class PinnedConnection(psycopg.AsyncConnection):
    """A session that only claims tasks or settles attempts, for as long as it lasts.

    Each of those statements goes row by row through a known index. `PLAN_SETTINGS` keep the planner from other plans,
    whatever statistics say about tables that fill and empty within seconds. Other statements get bad plans here.
    """


Pool: TypeAlias = AsyncConnectionPool[PooledConnection]

C = TypeVar("C", bound=psycopg.AsyncConnection)


def conninfo(url: str, name: str) -> str:
    """`url` with our defaults for missing settings; `name` shows in `pg_stat_activity`.

    Of several hosts, libpq picks the one that takes writes. Raises psycopg.ProgrammingError if `url` is malformed.
    """
    given = conninfo_to_dict(url)
    defaults = {**_DEFAULTS, "application_name": name}
    if "," in str(given.get("host") or given.get("hostaddr") or ""):
        defaults["target_session_attrs"] = "read-write"
    return make_conninfo(url, **{key: value for key, value in defaults.items() if key not in given})


async def connect(url: str, name: str) -> psycopg.AsyncConnection:
    """A connection outside any pool."""
    return await _open(psycopg.AsyncConnection, url, name)


async def connect_pinned(url: str, name: str) -> PinnedConnection:
    """A session for claims and results. `url` must lead past a transaction pooler."""
    return await _open(PinnedConnection, url, name, **PLAN_SETTINGS)


async def is_listening(url: str) -> bool:
    """Whether a server answers at `url`, even one that then refuses the login.

    It doesn't use libpq's PQping, during which psycopg blocks all threads. A host that libpq has to find counts as up.
    """
    given = conninfo_to_dict(url)
    hosts = str(given.get("hostaddr") or given.get("host") or "").split(",")
    ports = str(given.get("port") or 5432).split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    return not all(hosts) or any([await _answers(*place) for place in zip(hosts, ports, strict=True)])


async def _answers(host: str, port: str) -> bool:
    try:
        async with asyncio.timeout(LISTENING_SECONDS):
            if host.startswith("/"):
                reader, writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            else:
                reader, writer = await asyncio.open_connection(host, int(port or 5432))
            try:
                writer.write(_SSL_REQUEST)
                return bool(await reader.read(1))
            finally:
                writer.close()
    except OSError:
        return False


async def configure(connection: psycopg.AsyncConnection, **settings: str) -> None:
    """Sets time limits on the server's side, `ISOLATION` and `settings`.

    Also a faster compression if the server has it, unless the connection may write to tables of the user.
    """
    await connection.execute(_session_settings(settings))
    if isinstance(connection, (PooledConnection, PinnedConnection)):
        await connection.execute(_FASTER_COMPRESSION)


def connect_sync(url: str, name: str) -> psycopg.Connection:
    """As `connect`, for code in a thread."""
    connection = psycopg.connect(conninfo(url, name), autocommit=True)
    try:
        with ended_after(connection, CONNECT_TIMEOUT_SECONDS):
            connection.execute(_session_settings({}))
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def ended_after(connection: psycopg.Connection | psycopg.AsyncConnection, seconds: float) -> Generator[None]:
    """Closes `connection` if the context takes longer, which then raises psycopg.OperationalError.

    Nothing else interrupts one that waits for a server which accepts connections but doesn't answer.
    """
    lock, is_over, is_cut = threading.Lock(), threading.Event(), threading.Event()

    def cut() -> None:
        with lock, suppress(OSError, psycopg.Error):
            if not is_over.is_set():
                is_cut.set()
                with socket.socket(fileno=os.dup(connection.fileno())) as peer:
                    peer.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.OperationalError as error:
        if is_cut.is_set():
            raise psycopg.OperationalError(f"the database did not answer within {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
        with lock:
            is_over.set()


class _Pool(AsyncConnectionPool[PooledConnection]):
    """Replaces its connections when one turns out to be read-only: after a failover all may lead to a standby.

    At most once a second: the database itself may be read-only, and should not be flooded with new connections.
    """

    _drain_after = 0.0

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncGenerator[PooledConnection]:
        try:
            async with super().connection(timeout) as conn:
                yield conn
        except pg.ReadOnlySqlTransaction:
            if (now := time.monotonic()) > self._drain_after:
                self._drain_after = now + DRAIN_INTERVAL_SECONDS
                await self.drain()
            raise


def make_pool(url: str, name: str, size: int, *, timeout: float, min_size: int = 2) -> Pool:
    """A pool, not yet open. `await pool.open()` returns immediately, even while the database is down.

    A caller waits at most `timeout` seconds for a connection, then gets psycopg_pool.PoolTimeout. The pool keeps
    `min_size` idle connections.
    """
    return _Pool(
        conninfo(url, name),
        connection_class=PooledConnection,
        min_size=min(min_size, size),
        max_size=size,
        kwargs={"autocommit": True},
        configure=configure,
        timeout=timeout,
        max_waiting=1000,
        max_idle=60.0,
        # The pool doubles its pauses between attempts. With an early timeout the next caller tries immediately,
        # instead of
        # waiting half a minute although the database is back.
        reconnect_timeout=2.0,
        name=name,
        open=False,
    )


async def _open(kind: type[C], url: str, name: str, **settings: str) -> C:
    connection = await kind.connect(conninfo(url, name), autocommit=True)
    try:
        with ended_after(connection, CONNECT_TIMEOUT_SECONDS):
            await configure(connection, **settings)
    except BaseException:
        await connection.close()
        raise
    return connection


def _session_settings(extra: dict[str, str]) -> sql.Composed:
    settings = {
        "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS * 1000:.0f}",
        "lock_timeout": f"{LOCK_TIMEOUT_SECONDS * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS * 1000:.0f}",
        "timezone": "UTC",
        "default_transaction_isolation": ISOLATION,
        **extra,
    }
    return sql.SQL("; ").join(
        sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in settings.items()
    )

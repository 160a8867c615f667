"""Whether a connection pooler is in between, and whether what needs a session goes past it.

A pooler invents the process id that it tells its clients, so it differs from the server's. In transaction mode two
connections get the same session of the server one after the other. Opens connections of its own.
"""

import asyncio
import secrets
from contextlib import AsyncExitStack

import psycopg
from psycopg import sql as psql

from lapinq_core.db.errors import DatabaseUnavailable, translated
from lapinq_core.db.pool import connect
from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, error, info, ok
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)

NAME = "lapinq-doctor"
"""How the doctor's connections call themselves."""
NOTIFY_SECONDS = 2.0
_CHANNEL = "lapinq_doctor"
_TRIES = 5


async def check_pooler(conn: psycopg.AsyncConnection, settings: Settings) -> list[Finding]:
    assert settings.database_url is not None, "the caller has connected to it"
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(await connect(settings.database_url, NAME))
        shares = await _is_pooled(first) and await _shares_sessions(settings.database_url, first)
        if shares and not await _keeps_statements(first):
            return [
                error(
                    "the pooler in DATABASE_URL does not support prepared statements: requests fail, and daemons exit",
                    "Set max_prepared_statements = 200 in PgBouncer, 1.21 or newer.",
                )
            ]
        if settings.listen_database_url is not None:
            return await _check_direct(first, settings.listen_database_url)
        if shares:
            return [
                error(
                    "DATABASE_URL leads through a pooler in transaction mode: daemons hear no notifications and poll,"
                    " and their session settings reach other sessions",
                    "Set LAPINQ_LISTEN_DATABASE_URL to the direct URL of the database, for every daemon.",
                )
            ]
        if await _is_pooled(first):
            return [
                info(
                    "DATABASE_URL leads through a pooler, apparently in session mode",
                    "If it is in transaction mode, set LAPINQ_LISTEN_DATABASE_URL to the direct URL of the database.",
                )
            ]
    return ok("no pooler is in between")


async def _check_direct(first: psycopg.AsyncConnection, direct: str) -> list[Finding]:
    try:
        with translated():
            listener = await connect(direct, NAME)
        async with listener:
            if await _is_pooled(listener) and await _shares_sessions(direct, listener):
                return [
                    error(
                        "LAPINQ_LISTEN_DATABASE_URL leads through a pooler in transaction mode, too",
                        "Set it to the direct URL of the database.",
                    )
                ]
            if await _hears(listener, first):
                return ok("LAPINQ_LISTEN_DATABASE_URL leads past the pooler, and notifications arrive there")
    except psycopg.ProgrammingError:
        # Not the driver's message, which shows a part of the URL.
        return [error("LAPINQ_LISTEN_DATABASE_URL is not a valid PostgreSQL URL", "Correct it.")]
    except DatabaseUnavailable as reason:
        return [
            error(
                f"the database is not reachable at LAPINQ_LISTEN_DATABASE_URL: {reason}",
                "Correct it: it must be the direct URL of the same database.",
            )
        ]
    return [
        error(
            "what DATABASE_URL notifies does not arrive at LAPINQ_LISTEN_DATABASE_URL",
            "Both must lead to the same database on the same server.",
        )
    ]


async def _is_pooled(conn: psycopg.AsyncConnection) -> bool:
    return conn.info.backend_pid != await _pid(conn)


async def _pid(conn: psycopg.AsyncConnection) -> int:
    return await first_value(conn, sql("backend_pid"))


async def _shares_sessions(url: str, first: psycopg.AsyncConnection) -> bool:
    async with await connect(url, NAME) as second:
        for _ in range(_TRIES):
            pid = await _pid(first)
            if await _pid(second) == pid:
                return True
    return False


async def _keeps_statements(conn: psycopg.AsyncConnection) -> bool:
    """Whether the pooler gives prepared statements names of its own, without which it can't carry them along."""
    async with conn.transaction():
        name = await first_value(conn, sql("own_statement"), prepare=True)
        if name is None:
            return True
        await conn.execute(psql.SQL("DEALLOCATE {}").format(psql.Identifier(name)))
    return False


async def _hears(listener: psycopg.AsyncConnection, notifier: psycopg.AsyncConnection) -> bool:
    token = secrets.token_hex(8)
    await listener.execute(psql.SQL("LISTEN {}").format(psql.Identifier(_CHANNEL)))
    await notifier.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, token))
    until = asyncio.get_running_loop().time() + NOTIFY_SECONDS
    while (left := until - asyncio.get_running_loop().time()) > 0:
        async for notice in listener.notifies(timeout=left, stop_after=1):
            if notice.payload == token:
                return True
    return False

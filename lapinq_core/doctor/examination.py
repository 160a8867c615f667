"""Runs all checks, each by itself and for a limited time, and makes the report.

A check of the database runs in a read-only transaction of its own. A check that fails becomes a finding, and the others
go on. Without a database only the settings are checked; without our schema, only the settings and the server.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import psycopg
from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.db.errors import DatabaseUnavailable, translated
from lapinq_core.db.pool import connect, ended_after
from lapinq_core.doctor import (
    access,
    breakers,
    clocks,
    connections,
    daemons,
    privileges,
    queues,
    schema,
    server,
    vacuum,
)
from lapinq_core.doctor.finding import CheckResult, Finding, Report, error, info, ok, report_of, warning
from lapinq_core.doctor.pooler import NAME, check_pooler
from lapinq_core.doctor.verifying import COMPARED, VERIFY_SECONDS, verify
from lapinq_core.runtime.settings import Settings

STATEMENT_SECONDS = 2.0
"""For one statement of a check."""
TOTAL_SECONDS = 15.0
"""For all checks of the database together. What is left then is not checked."""

_Look = Callable[[psycopg.AsyncConnection, Settings], Awaitable[list[Finding]]]


class _Check(NamedTuple):
    name: str
    look: _Look


_OF_SERVER = (
    _Check("version", server.check_version),
    _Check("read_only", server.check_read_only),
    _Check("pooler", check_pooler),
    _Check("durability", server.check_durability),
    _Check("isolation", server.check_isolation),
    _Check("clocks", clocks.check_clocks),
    _Check("connections", connections.check_connections),
    _Check("schema", schema.check_schema),
)
_OF_SCHEMA = (
    _Check("privileges", privileges.check_privileges),
    _Check("autovacuum", vacuum.check_autovacuum),
    _Check("dead_rows", vacuum.check_dead_rows),
    _Check("snapshots", vacuum.check_snapshots),
    _Check("clock_jumps", clocks.check_clock_jumps),
    _Check("partitions", daemons.check_partitions),
    _Check("delayed", daemons.check_delayed),
    _Check("dead_workers", daemons.check_dead_workers),
    _Check("queues", queues.check_queues),
    _Check("paused_queues", queues.check_paused_queues),
    _Check("breakers", breakers.check_breakers),
    _Check("imports", queues.check_imports),
    _Check("versions", queues.check_versions),
    _Check("schedules", daemons.check_schedules),
    _Check("webhooks", daemons.check_webhooks),
    _Check("notifications", daemons.check_notifications),
    _Check("default_password", access.check_default_password),
    _Check("allowed_modules", access.check_allowed_modules),
    _Check("who_decides", access.check_who_decides),
)
_OF_SETTINGS = {
    "open_api": access.check_open_api,
    "session_secret": access.check_session_secret,
}
CHECKS = ("database", *(check.name for check in (*_OF_SERVER, *_OF_SCHEMA)), *_OF_SETTINGS)
"""The names of all checks, in the order of the report."""


async def examine(settings: Settings, *, verifying: bool = False) -> Report:
    """Runs every check that can run; with `verifying` also those that compare each lane and key with its tasks. Raises
    nothing that a broken set-up can cause."""
    found = await _examine_database(settings, verifying=verifying)
    for name, look in _OF_SETTINGS.items():
        found += _results(name, look(settings))
    return report_of(found)


async def _examine_database(settings: Settings, *, verifying: bool) -> list[CheckResult]:
    if settings.database_url is None:
        return _results(
            "database",
            [
                error(
                    "no database is named, and the embedded one is not running",
                    "Set DATABASE_URL or --database-url, or start the embedded database: lapinq server or lapinq db"
                    " start.",
                )
            ],
        )
    try:
        with translated():
            conn = await connect(settings.database_url, NAME)
    except psycopg.ProgrammingError:
        # Not the driver's message, which shows a part of the URL, and perhaps of a password.
        finding = error(
            "DATABASE_URL is not a valid PostgreSQL URL", "Correct it: postgresql://USER@HOST/DATABASE."
        )
        return _results("database", [finding])
    except (DatabaseUnavailable, psycopg.Error) as reason:
        finding = error(
            f"the database is not reachable: {reason}",
            "Check that it runs and accepts connections, and the host, port, user and password in DATABASE_URL.",
        )
        return _results("database", [finding])
    try:
        with ended_after(conn, TOTAL_SECONDS):
            found = _results("database", ok(_place(conn)))
            for check in _OF_SERVER:
                found += _results(check.name, await _run(check.look, conn, settings))
            has_schema = await _has_schema(conn)
            if has_schema:
                for check in _OF_SCHEMA:
                    found += _results(check.name, await _run(check.look, conn, settings))
        if verifying and has_schema:
            with ended_after(conn, VERIFY_SECONDS):
                for name, findings in (await _verified(conn)).items():
                    found += _results(name, findings)
    finally:
        await conn.close()
    return found


async def _run(look: _Look, conn: psycopg.AsyncConnection, settings: Settings) -> list[Finding]:
    try:
        async with conn.transaction():
            await conn.execute(_LIMITS)
            return await look(conn, settings)
    except pg.InsufficientPrivilege as reason:
        return [
            info(
                f"could not be checked: {reason.diag.message_primary}",
                "Connect as the role of the daemons, or grant this role what is missing.",
            )
        ]
    except (pg.QueryCanceled, pg.LockNotAvailable):
        return [
            warning(
                f"could not be checked within {STATEMENT_SECONDS:g} s",
                "Try again. If it persists, the database is overloaded, or another session holds a lock.",
            )
        ]
    except (psycopg.Error, OSError) as reason:
        text = str(reason).strip().partition("\n")[0]
        return [warning(f"could not be checked: {text}", "Try again, and see the log of the database.")]


async def _verified(conn: psycopg.AsyncConnection) -> dict[str, list[Finding]]:
    try:
        return await verify(conn)
    except (psycopg.Error, OSError) as reason:
        text = str(reason).strip().partition("\n")[0]
        unknown = warning(
            f"could not be compared within {VERIFY_SECONDS:g} s: {text}", "Try again when there is less load."
        )
        return {name: [unknown] for name in COMPARED}


async def _has_schema(conn: psycopg.AsyncConnection) -> bool:
    try:
        return await schema.is_usable(conn)
    except psycopg.Error:
        return False  # as the check of the schema says


def _place(conn: psycopg.AsyncConnection) -> str:
    place = conn.info.host or "a socket"
    return (
        f"connected to the database {conn.info.dbname} at {place}, port {conn.info.port}, as {conn.info.user}"
    )


def _results(name: str, found: list[Finding]) -> list[CheckResult]:
    return [
        CheckResult(check=name, status=one.severity, message=one.message, remedy=one.remedy) for one in found
    ]


_LIMITS = psql.SQL(
    "SET LOCAL transaction_read_only = on; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = 500"
).format(psql.Literal(f"{STATEMENT_SECONDS:g}s"))

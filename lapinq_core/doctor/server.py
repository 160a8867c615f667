"""The database server: its version, whether it takes changes and keeps them, and how it isolates transactions."""

import psycopg

from lapinq_core.db.pool import ISOLATION
from lapinq_core.db.rows import first_value, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, error, info, ok, warning
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)

OLDEST = 14
"""The oldest major version of PostgreSQL that lapinq runs on."""


async def check_version(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    found = conn.info.server_version
    shown = (conn.info.parameter_status("server_version") or str(found)).partition(" ")[0]
    if found < OLDEST * 10_000:
        return [
            error(
                f"PostgreSQL {shown} is older than {OLDEST}, the oldest that lapinq runs on",
                f"Upgrade the server to PostgreSQL {OLDEST} or newer.",
            )
        ]
    return ok(f"PostgreSQL {shown}")


async def check_read_only(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    is_standby, is_read_only = await one_row(conn, sql("read_only"))
    if is_standby:
        return [
            error(
                "this server is a standby, which takes no changes",
                "Point DATABASE_URL at the primary, or list all hosts in it: lapinq picks the one that takes writes.",
            )
        ]
    if is_read_only:
        return [
            error(
                "transactions are read-only by default here",
                "Find who set it: SELECT * FROM pg_settings WHERE name = 'default_transaction_read_only'; and ALTER"
                " SYSTEM, DATABASE or ROLE … RESET default_transaction_read_only. A full disk may be the reason.",
            )
        ]
    return ok("the database takes changes")


async def check_durability(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    fsync, full_page_writes, synchronous_commit = await one_row(conn, sql("durability"))
    found: list[Finding] = []
    if fsync == "off":
        found.append(
            error(
                "fsync is off: if the database's machine crashes, all tasks may be lost",
                "ALTER SYSTEM SET fsync = on, then SELECT pg_reload_conf().",
            )
        )
    if full_page_writes == "off":
        found.append(
            warning(
                "full_page_writes is off: if the database's machine crashes, tables may be damaged, unless its file"
                " system writes pages atomically",
                "ALTER SYSTEM SET full_page_writes = on, then SELECT pg_reload_conf().",
            )
        )
    if synchronous_commit == "off":
        found.append(
            warning(
                "synchronous_commit is off: if the database crashes, tasks are lost that it confirmed within the last"
                " second, and tasks that ended may run again",
                "Set it to on for the server, the database or this role: ALTER ROLE … SET synchronous_commit = on.",
            )
        )
    return found or ok(f"fsync and full_page_writes are on, synchronous_commit is {synchronous_commit}")


async def check_isolation(conn: psycopg.AsyncConnection, settings: Settings) -> list[Finding]:
    initial = await first_value(conn, sql("isolation"))
    if initial == ISOLATION:
        return ok(f"transactions are {ISOLATION} by default")
    if settings.listen_database_url is None:
        remedy = "Nothing, as long as no pooler is in between."
    else:
        remedy = (
            f"Make sure that the pooler's connect_query sets it, or ALTER ROLE … SET default_transaction_isolation ="
            f" '{ISOLATION}'. Otherwise concurrent statements fail with serialization errors."
        )
    return [
        info(f"transactions are {initial} by default; lapinq needs {ISOLATION}, and sets it itself", remedy)
    ]

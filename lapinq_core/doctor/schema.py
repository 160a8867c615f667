"""Whether lapinq's schema is there, fits this release and is whole."""

import psycopg

from lapinq_core.db.migrate import head_revision
from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, error, info, ok, warning
from lapinq_core.doctor.wording import names
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)
_MIGRATE = "Run lapinq migrate with this version."


async def check_schema(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    head, current = head_revision(), await _revision(conn)
    if current is None:
        return [await _why_missing(conn)]
    if current < head:
        return [error(f"the schema is at revision {current}, this version needs {head}", _MIGRATE)]
    found: list[Finding] = []
    if current > head:
        found.append(
            info(
                f"the schema is at revision {current}, from a newer version than this one, which knows {head}",
                "Update this program. A version runs on the schema of the next one, not of later ones.",
            )
        )
    invalid = [name for (name,) in await all_rows(conn, sql("invalid_indexes"))]
    if invalid:
        found.append(
            warning(
                f"indexes are invalid, so no query uses them: {names(invalid)}",
                "REINDEX INDEX CONCURRENTLY each of them.",
            )
        )
    return found or ok(f"the schema is at revision {current}")


async def is_usable(conn: psycopg.AsyncConnection) -> bool:
    """Whether the statements of this release work on it."""
    current = await _revision(conn)
    return current is not None and current >= head_revision()


async def _revision(conn: psycopg.AsyncConnection) -> str | None:
    if not await first_value(conn, sql("has_schema")):
        return None
    return await first_value(conn, sql("revision"))


async def _why_missing(conn: psycopg.AsyncConnection) -> Finding:
    if await first_value(conn, sql("has_old_tables")):
        return error(
            "this database has the tables of lapinq 1.3.0, which this version neither reads nor changes",
            "Create a schema beside them and name it in the URL, as Upgrading says under From 1.3.0.",
        )
    row = await maybe_row(conn, sql("hidden_schema"))
    if row is None:
        return error("lapinq is not installed in this database", _MIGRATE)
    schema, may_use = row
    where = f"lapinq's tables are in the schema {schema}, "
    if not may_use:
        return error(
            f"{where}which this role may not use", f"Connect as its owner, or GRANT USAGE ON SCHEMA {schema}."
        )
    return error(
        f"{where}which is not on the search path",
        f"ALTER ROLE … SET search_path = {schema}, or connect as the role that owns the tables.",
    )

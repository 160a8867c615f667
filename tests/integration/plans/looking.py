"""Lets a session execute a statement of the plan tests, and judges what it looked at."""

from typing import Any, LiteralString, cast

from psycopg.abc import Query
from psycopg.sql import SQL

from lapinq_core.db.pool import PLAN_SETTINGS, configure
from lapinq_core.lookup.search import backward_scan
from lapinq_core.tasks.bulk import STEP_SETTINGS
from lapinq_core.upkeep.rescuing import SEARCH_SETTINGS
from tests.integration.plans.hot_path import SMALL_TABLES, Session, Statement
from tests.support.database.plans import LOOKS, Plan, blocks, prepared_plan, touched, whole_scans
from tests.support.database.statements import text_of
from tests.support.rows.factories import Conn

# The narrow tables as a vacuum saw them when nearly nothing was in them, and the partitions of a week that has just
# begun: what the planner knows at its worst.
OUTDATED = """
DELETE FROM pg_statistic WHERE starelid::regclass::text LIKE 'lapinq%';
UPDATE pg_class SET reltuples = 1, relpages = greatest(relpages, 1) WHERE relname LIKE 'lapinq%' AND relkind = 'r';
UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname ~ '^lapinq_(tasks|attempts)' AND relkind IN ('r', 'p')
"""

CATALOGUE_PAGES = 100
"""Below PostgreSQL 16 these count too, and a transaction that changed the statistics reads them again."""

# Without the isolation level, which must come before all else.
_, _, _PLANNING = backward_scan.SETTINGS.as_string().partition(";")
SETTINGS: dict[Session, Query] = {
    Session.STEP: STEP_SETTINGS,
    Session.SEARCH: SEARCH_SETTINGS,
    Session.LOOKUP: SQL(cast("LiteralString", _PLANNING)),
}


async def look(conn: Conn, statement: Statement, rows: Any, dead: int = 0) -> None:
    """AssertionError if it looks at more than it may: at its first execution, after five others, and both with outdated
    statistics. `dead` rows lie before the live ones."""
    await conn.execute("SET session_replication_role = replica")
    if statement.session is Session.PINNED:
        await configure(conn, **PLAN_SETTINGS)
    for is_outdated in (False, True):
        async with conn.transaction(force_rollback=True):
            if is_outdated:
                await conn.execute(OUTDATED)
            if statement.session in SETTINGS:
                await conn.execute(SETTINGS[statement.session])
            for executed in (0, 5):
                times = LOOKS if executed else 1  # a first execution has no second
                found = min(
                    [await _rolled_back(conn, statement, rows, executed) for _ in range(times)], key=blocks
                )
                why = f"outdated statistics: {is_outdated}, executed before: {executed}"
                assert set(whole_scans(found)) <= statement.whole | SMALL_TABLES, why
                rows_allowed, pages = statement.rows, statement.pages
                if executed and statement.later is not None:
                    pages = statement.later
                if is_outdated and statement.stale is not None:
                    rows_allowed, pages = statement.stale
                assert touched(found) <= rows_allowed, f"{why}: {touched(found)} rows"
                pages += statement.dead * dead + CATALOGUE_PAGES * is_outdated
                pages += statement.before_17 if conn.info.server_version < 170000 else 0
                assert blocks(found) <= pages, f"{why}: {blocks(found)} pages"


async def _rolled_back(conn: Conn, statement: Statement, rows: Any, executed: int) -> Plan:
    async with conn.transaction(force_rollback=True):
        return await prepared_plan(conn, text_of(statement.verb), statement.params(rows), executed=executed)

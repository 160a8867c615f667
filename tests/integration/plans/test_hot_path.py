"""What the statements of the hot path look at in full tables, and with dead rows before the live ones."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from lapinq_core.db.pool import PLAN_SETTINGS, configure
from lapinq_core.tasks.bulk import STEP_SETTINGS
from lapinq_core.upkeep.rescuing import SEARCH_SETTINGS
from tests.integration.plans.burdened import LARGE, SMALL, Burden, Rows, burdened
from tests.integration.plans.hot_path import SMALL_TABLES, STATEMENTS, Session, Statement
from tests.support.database import postgres
from tests.support.database.plans import blocks, prepared_plan, touched, whole_scans
from tests.support.database.running import on_connections
from tests.support.database.statements import text_of
from tests.support.rows.factories import Conn

pytestmark = pytest.mark.version

# The narrow tables as a vacuum saw them when nearly nothing was in them, and the partitions of a week that has just
# begun: what the planner knows at its worst.
OUTDATED = """
DELETE FROM pg_statistic WHERE starelid::regclass::text LIKE 'lapinq%';
UPDATE pg_class SET reltuples = 1, relpages = greatest(relpages, 1) WHERE relname LIKE 'lapinq%' AND relkind = 'r';
UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname ~ '^lapinq_(tasks|attempts)' AND relkind IN ('r', 'p')
"""


CATALOGUE_PAGES = 100
"""Below PostgreSQL 16 these count too, and a transaction that changed the statistics reads them again."""

SETTINGS = {Session.STEP: STEP_SETTINGS, Session.SEARCH: SEARCH_SETTINGS}


class Filled(NamedTuple):
    url: str
    burden: Burden
    rows: Rows


@pytest.fixture(
    scope="module",
    params=[pytest.param(SMALL, id="thousands"), pytest.param(LARGE, id="a million", marks=pytest.mark.slow)],
)
def filled(request: pytest.FixtureRequest, postgres_url: str, template_database: str) -> Iterator[Filled]:
    """A burdened database."""
    with (
        postgres.private_database(postgres_url, template_database) as url,
        burdened(url, request.param) as rows,
    ):
        yield Filled(url, request.param, rows)


@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
def test_it_looks_at_no_more_than_it_may(filled: Filled, statement: Statement) -> None:
    async def test(conn: Conn) -> None:
        await conn.execute("SET session_replication_role = replica")
        if statement.session is Session.PINNED:
            await configure(conn, **PLAN_SETTINGS)
        for is_outdated in (False, True):
            for executed in (0, 5):
                async with conn.transaction(force_rollback=True):
                    if is_outdated:
                        await conn.execute(OUTDATED)
                    if statement.session in SETTINGS:
                        await conn.execute(SETTINGS[statement.session])
                    found = await prepared_plan(
                        conn, text_of(statement.verb), statement.params(filled.rows), executed=executed
                    )
                why = f"outdated statistics: {is_outdated}, executed before: {executed}"
                assert set(whole_scans(found)) <= statement.whole | SMALL_TABLES, why
                assert touched(found) <= statement.rows, why
                pages = statement.pages + statement.dead * filled.burden.dead
                assert blocks(found) <= pages + CATALOGUE_PAGES * is_outdated, why

    on_connections(filled.url, test)

"""What the statements of the hot path look at in full tables, and with dead rows before the live ones."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.integration.plans.burdened import LARGE, SMALL, Burden, Rows, burdened
from tests.integration.plans.hot_path import STATEMENTS, Statement
from tests.integration.plans.looking import look
from tests.support.database import postgres
from tests.support.rows.factories import Conn


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


@pytest.fixture
def database(filled: Filled) -> str:
    """What `conn` is connected to."""
    return filled.url


@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
async def test_it_looks_at_no_more_than_it_may(
    database: str, conn: Conn, filled: Filled, statement: Statement
) -> None:
    await look(conn, statement, filled.rows, filled.burden.dead)

"""What claims of queues with a policy look at beside thousands of lanes and the tasks of blocked keys."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.integration.plans.governed import GOVERNED
from tests.integration.plans.hot_path import Statement
from tests.integration.plans.laned import Laned, laned
from tests.integration.plans.looking import look
from tests.support.database import postgres
from tests.support.rows.factories import Conn


class Filled(NamedTuple):
    url: str
    rows: Laned


@pytest.fixture(scope="module")
def filled(postgres_url: str, template_database: str) -> Iterator[Filled]:
    with postgres.private_database(postgres_url, template_database) as url, laned(url) as rows:
        yield Filled(url, rows)


@pytest.fixture
def database(filled: Filled) -> str:
    """What `conn` is connected to."""
    return filled.url


@pytest.mark.parametrize("statement", GOVERNED, ids=str)
async def test_it_looks_at_no_more_than_it_may(
    database: str, conn: Conn, filled: Filled, statement: Statement
) -> None:
    await look(conn, statement, filled.rows)

"""Every statement is understood by the server: the cheapest test of all of them, for each version of PostgreSQL.

Those with braces take their conditions from filters; the tests of their plans run them.
"""

from pathlib import Path

import psycopg
import pytest

import lapinq_core
from tests.support.database.statements import CLAIMS, prepare, prepare_all


def test_the_server_understands_every_statement(sync_conn: psycopg.Connection) -> None:
    assert prepare_all(sync_conn, Path(lapinq_core.__file__).parent) > 100


@pytest.mark.parametrize("name", CLAIMS)
def test_the_server_understands_every_claim(sync_conn: psycopg.Connection, name: str) -> None:
    prepare(sync_conn, name, CLAIMS[name])

"""The programs of docs/guide/transactions.md run as they stand there, apart from the address of the database."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from tests.support.database.postgres import private_database
from tests.support.drivers.django_connection import django_connection
from tests.support.drivers.urls import parts_of, sqlalchemy_url

PAGE = Path(__file__).parents[5] / "docs/guide/transactions.md"
BLOCKS: list[str] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
SHOP, *PROGRAMS = BLOCKS


@pytest.fixture(scope="module")
def url(postgres_url: str, template_database: str) -> Iterator[str]:
    with private_database(postgres_url, template_database) as url:
        with psycopg.connect(url) as conn:
            conn.execute(
                "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text)"
            )
        yield url


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("shop")
    monkeypatch.setitem(sys.modules, "shop", module)
    exec(compile(SHOP, "shop.py", "exec"), vars(module))


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.split()[1])
def test_a_program_stores_a_task_for_each_order(program: str, url: str) -> None:
    parts = parts_of(url)
    names = {
        "postgresql+psycopg": sqlalchemy_url(url, "psycopg"),
        "postgresql+asyncpg": sqlalchemy_url(url, "asyncpg"),
        "postgresql": f"postgresql://{parts['user']}@/{parts['database']}?host={parts['host']}&port={parts['port']}",
    }
    code = re.sub(r'"([\w+]+)://localhost/shop"', r'ADDRESSES["\1"]', program)
    with django_connection(url, "default"), psycopg.connect(url) as conn:
        tasks, orders = counts(conn)
        variables: dict[str, Any] = {"__name__": "program", "ADDRESSES": names}
        exec(compile(code, "program.py", "exec"), variables)
        if "engine" in variables:
            variables["engine"].dispose()
        more_tasks, more_orders = counts(conn)
    assert more_tasks - tasks == (more_orders - orders or orders) > 0


def counts(conn: psycopg.Connection) -> tuple[int, int]:
    row = conn.execute("SELECT (SELECT count(*) FROM lapinq_tasks), (SELECT count(*) FROM orders)").fetchone()
    conn.rollback()
    assert row is not None
    return row[0], row[1]

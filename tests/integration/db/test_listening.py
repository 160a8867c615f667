"""Whether a PostgreSQL is there is another question than whether it lets one in, or takes writes."""

import asyncio

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lapinq_core.db.pool import connect, is_listening
from tests.support.database.outage import read_only
from tests.support.database.proxy import proxy
from tests.support.rows.factories import Conn


def test_a_server_that_lets_nobody_in_is_there(shared_database: str) -> None:
    with psycopg.connect(shared_database, autocommit=True) as conn:
        conn.execute("CREATE ROLE shut_out LOGIN CONNECTION LIMIT 0")
        try:
            url = make_conninfo(shared_database, user="shut_out")
            with pytest.raises(psycopg.OperationalError, match="too many connections"):
                asyncio.run(connect(url, "test"))
            assert asyncio.run(is_listening(url))
        finally:
            conn.execute("DROP ROLE shut_out")


def test_where_nothing_listens_or_hangs_up_without_a_word_none_is_there(shared_database: str) -> None:
    assert not asyncio.run(is_listening("postgresql://127.0.0.1:1/lapinq"))
    assert not asyncio.run(is_listening("host=/nowhere dbname=lapinq"))
    assert not asyncio.run(is_listening("host=127.0.0.1,/nowhere port=1,2"))
    with proxy(shared_database) as between:
        assert asyncio.run(is_listening(between.url))
        between.cut()
        assert not asyncio.run(is_listening(between.url))
    assert asyncio.run(is_listening("dbname=lapinq")), "a host that is not named is taken to be there"


def test_one_of_several_hosts_is_enough(shared_database: str) -> None:
    given = conninfo_to_dict(shared_database)
    two = make_conninfo(
        shared_database, host=f"/nowhere,{given['host']}", port=f"1,{given.get('port', 5432)}"
    )
    assert asyncio.run(is_listening(two))
    # The port of the second one is left to its default.
    assert not asyncio.run(is_listening("host=/nowhere,/elsewhere port=1,"))


def test_of_several_hosts_one_that_takes_writes_is_connected_to(database: str) -> None:
    host = conninfo_to_dict(database)["host"]
    two = make_conninfo(database, host=f"{host},{host}")
    with read_only(database):
        with pytest.raises(psycopg.OperationalError, match="read-only"):
            asyncio.run(connect(two, "test"))
        asyncio.run(reach(make_conninfo(two, target_session_attrs="any")))
    asyncio.run(reach(two))


async def reach(url: str) -> None:
    async with await Conn.open(url):
        pass

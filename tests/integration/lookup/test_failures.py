"""Failed tasks in groups: which errors are of one kind, and that a requeue takes what the group shows."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg import sql as psql

from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup import failures
from lapinq_core.lookup.failures import FailedGroups, as_filter
from lapinq_core.tasks import actions, bulk
from lapinq_core.tasks.filters import FIRST_LINE, OF_THE_END, containing, kind_of, pattern_of
from tests.integration.tasks.actions.test_bulk import fail
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, status
from tests.support.rows.walks import one_step

LONG = 60.0
"""Seconds in which all are surely looked at, however busy the machine is."""

KINDS = {
    "TimeoutError: timeout after 31.2 s": "TimeoutError: timeout after * s",
    "TimeoutError: timeout after 7 s": "TimeoutError: timeout after * s",
    "at 12:30:01 in 1,024 parts": "at * in * parts",
    "row 01a139ff-cc90-7ed3-8d2c-21991e3bef5e is there": "row * is there",
    "row deadbeef-cafe-cafe-cafe-cafecafecafe is there": "row * is there",
    "request ed3d2c21 failed": "request * failed",
    "KeyError: 'customer-7'": "KeyError: *",
    'bad "name" given': "bad * given",
    "can't open, isn't there": "can't open, isn't there",
    "bad cafe face": "bad cafe face",
    "HTTPConnectionPool(host='api-2.example', port=443)": "HTTPConnectionPool(host=*, port=*)",
    "S3Error2x: no": "S*Error*x: no",
    "100% of a_b\\c": "*% of a_b\\c",
    "": "",
}


async def grouped(conn: Conn, **values: Any) -> FailedGroups:
    return await failures.groups(conn, seconds=LONG, **values)


@pytest.mark.parametrize(("error", "kind"), KINDS.items())
def test_errors_are_of_one_kind_that_differ_in_numbers_ids_and_quoted_parts(
    conn: Connection, error: str, kind: str
) -> None:
    assert kind_of(error) == kind
    assert in_the_database(conn, error, kind)
    assert passes(conn, error, pattern_of(kind))
    assert passes(conn, f"{error}\nand more", pattern_of(kind))
    # As the API takes it.
    assert passes(conn, f"{error}\nand more", containing(pattern_of(kind)))


@given(st.text(alphabet=st.sampled_from("'\"-.,:;*%_\\ äß٣\u200b0123456789abcdefABCDEFgxyzXYZ"), max_size=60))
@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_tells_kinds_as_python_does(conn: Connection, line: str) -> None:
    assert in_the_database(conn, line, kind_of(line))
    assert passes(conn, line, pattern_of(kind_of(line)))


def in_the_database(conn: Connection, error: str, kind: str) -> bool:
    query = psql.SQL("SELECT {} FROM (VALUES (%(error)s::text)) AS f (error)").format(
        psql.SQL(OF_THE_END["error_kind"])
    )
    row = conn.execute(query, {"error": error, "error_kind": kind}).fetchone()
    return row is not None and row[0]


def passes(conn: Connection, error: str, pattern: str) -> bool:
    row = conn.execute("SELECT %s::text ILIKE %s::text", (error, pattern)).fetchone()
    return row is not None and row[0]


def test_the_first_line_tells_the_kind_and_a_long_one_its_beginning(conn: Connection) -> None:
    query = psql.SQL("SELECT {} FROM (VALUES (%s)) AS f (error)").format(psql.SQL(FIRST_LINE))
    for error, line in (("a\nb", "a"), ("x" * 301, "x" * 300), ("\nb", "")):
        row = conn.execute(query, (error,)).fetchone()
        assert row == (line,)


@pytest.mark.parametrize("window", [1, 2, 500])
def test_failed_tasks_are_grouped_by_queue_name_and_kind(database: str, window: int) -> None:
    async def test(conn: Conn) -> None:
        slow = await fail(conn, 2, "TimeoutError: timeout after 31.2 s\nin a")
        slow += await fail(conn, 1, "TimeoutError: timeout after 7 s\nin b")
        named = await fail(conn, 2, "TimeoutError: timeout after 7 s", task_name="other")
        queued = await fail(conn, 1, "TimeoutError: timeout after 7 s", queue_name="other")
        await one_of_each(conn, "each")
        found = await grouped(conn, window=window)
        assert (found.looked_at, found.is_all, found.left_out) == (7, True, 0)
        assert [(one.queue_name, one.task_name, one.kind, one.count) for one in found.groups] == [
            ("default", "add", "TimeoutError: timeout after * s", 3),
            ("default", "other", "TimeoutError: timeout after * s", 2),
            ("each", "add", "ValueError: no", 1),
            ("other", "add", "TimeoutError: timeout after * s", 1),
        ]
        first = found.groups[0]
        assert first.newest == slow[-1]
        assert first.pattern == "TimeoutError: timeout after % s%"
        assert first.first_at < first.last_at
        found = await grouped(conn, most=1)
        assert (len(found.groups), found.left_out) == (1, 3)
        found = await grouped(conn, queue="other")
        assert [one.newest for one in found.groups] == queued
        assert found.looked_at == 7
        found = await grouped(conn, task_name=containing("OTH"))
        assert [one.newest for one in found.groups] == named[1:]

    on_connections(database, test)


def test_it_says_when_there_was_no_time_for_all(database: str) -> None:
    async def test(conn: Conn) -> None:
        found = await grouped(conn)
        assert (found.groups, found.looked_at, found.is_all) == ([], 0, True)
        await fail(conn, 3)
        found = await failures.groups(conn, seconds=-1.0)
        assert (found.groups, found.looked_at, found.is_all) == ([], 0, False)
        assert (await grouped(conn, window=3)).is_all

    on_connections(database, test)


def test_a_requeue_of_a_group_takes_its_tasks_and_no_others(database: str) -> None:
    async def test(conn: Conn) -> None:
        mine = await fail(conn, 2, "TimeoutError: timeout after 31.2 s\nin a")
        mine += await fail(conn, 1, "TimeoutError: timeout after 7 s")
        others = [
            *await fail(conn, 1, "TimeoutError: timeout after much more than 7 s"),
            *await fail(conn, 1, "timeouterror: timeout after 7 s"),
            *await fail(conn, 1, "TimeoutError: timeout after 7 s", task_name="ADD"),
            *await fail(conn, 1, "TimeoutError: timeout after 7 s", queue_name="other"),
        ]
        (ended,) = await fail(conn, 1, "TimeoutError: timeout after 8 s")
        assert await actions.requeue(conn, ended, by="lisa")
        group = (await grouped(conn)).groups[0]
        assert group.count == 3
        chosen = as_filter(group.queue_name, group.task_name, group.kind)
        assert chosen.status is Status.FAILED
        step = await one_step(conn, bulk.requeue_tasks, **msgspec.structs.asdict(chosen))
        assert step.done == 3
        assert [await status(conn, task_id) for task_id in mine] == ["pending"] * 3
        assert [await status(conn, task_id) for task_id in others] == ["failed"] * 4

    on_connections(database, test)

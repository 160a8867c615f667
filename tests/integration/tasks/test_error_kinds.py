"""Which errors are of one kind, in Python and in the database, and that a requeue takes exactly those."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg import sql as psql

from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import actions, bulk
from lapinq_core.tasks.filters import (
    FIRST_LINE,
    OF_THE_END,
    TaskFilter,
    containing,
    first_line,
    kind_of,
    pattern_of,
)
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.rows.factories import Conn, status
from tests.support.rows.walks import one_step
from tests.support.tries import tries

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


def test_errors_are_of_one_kind_that_differ_in_numbers_ids_and_quoted_parts(
    sync_conn: Connection,
) -> None:
    for error, kind in KINDS.items():
        assert kind_of(error) == kind
        assert in_the_database(sync_conn, error, kind), error
        # As the API takes it, too.
        for pattern in (pattern_of(kind), containing(pattern_of(kind))):
            assert passes(sync_conn, f"{error}\nand more", pattern), error
        assert passes(sync_conn, error, pattern_of(kind)), error


@given(st.text(alphabet=st.sampled_from("'\"-.,:;*%_\\ äß٣\u200b0123456789abcdefABCDEFgxyzXYZ"), max_size=60))
@settings(deadline=None, max_examples=tries(500), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_tells_kinds_as_python_does(sync_conn: Connection, line: str) -> None:
    assert in_the_database(sync_conn, line, kind_of(line))
    assert passes(sync_conn, line, pattern_of(kind_of(line)))


def in_the_database(conn: Connection, error: str, kind: str) -> bool:
    query = psql.SQL("SELECT {} FROM (VALUES (%(error)s::text)) AS f (error)").format(
        psql.SQL(OF_THE_END["error_kind"])
    )
    row = conn.execute(query, {"error": error, "error_kind": kind}).fetchone()
    return row is not None and row[0]


def passes(conn: Connection, error: str, pattern: str) -> bool:
    row = conn.execute("SELECT %s::text ILIKE %s::text", (error, pattern)).fetchone()
    return row is not None and row[0]


def test_the_first_line_tells_the_kind_and_a_long_one_its_beginning(sync_conn: Connection) -> None:
    query = psql.SQL("SELECT {} FROM (VALUES (%s)) AS f (error)").format(psql.SQL(FIRST_LINE))
    for error, line in (("a\nb", "a"), ("x" * 301, "x" * 300), ("\nb", "")):
        row = sync_conn.execute(query, (error,)).fetchone()
        assert row == (line,)
        assert first_line(error) == line


async def test_a_requeue_of_a_kind_takes_its_tasks_and_no_others(conn: Conn) -> None:
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
    kind = "TimeoutError: timeout after * s"
    chosen = TaskFilter(
        status=Status.FAILED, queue="default", name="add", error=pattern_of(kind), error_kind=kind
    )
    step = await one_step(conn, bulk.requeue_tasks, **msgspec.structs.asdict(chosen))
    assert step.done == 3
    assert [await status(conn, task_id) for task_id in mine] == ["pending"] * 3
    assert [await status(conn, task_id) for task_id in others] == ["failed"] * 4

"""The database finds the group of a stored error as workers chose it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from lapinq_core.domain.error_groups import OTHER_KIND, fingerprint_of
from lapinq_core.error_groups.shapes import NAMING, place_of, shape_of
from tests.support.tries import tries

PIECES = st.sampled_from(
    [
        'File "', '", line 12', ", in run", "\n", "    raise X(1)", "  |  ", "/srv/shop/pay.py", "/lib/python3.13/a.py",
        "/site-packages/x/y.py", "C:\\shop\\Lib\\asyncio\\z.py", "<frozen importlib>", "a.egg/b.py", "ä", "^^^^", "\t",
        "/lapinq_core/x.py", "x" * 201,
    ]
)  # fmt: skip
TRACEBACKS = st.none() | st.lists(PIECES, max_size=30).map("".join)
ERRORS = st.builds(
    "{}{}{}".format,
    st.sampled_from([*sorted(NAMING), "a.b.KeyError", "a.<locals>.X", "ValueError", "two words", "", "1X"]),
    st.sampled_from([": ", "", ":", "."]),
    st.text(alphabet=st.sampled_from("'\"-.,:;*%\\ äß0123456789abcdefgXYZ\n"), max_size=40),
)
SETTINGS = settings(
    deadline=None, max_examples=tries(300), suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def one(conn: Connection, query: str, *params: object) -> object:
    row = conn.execute(query.encode(), params).fetchone()
    assert row is not None
    return row[0]


@given(TRACEBACKS)
@SETTINGS
def test_a_place_is_the_same_in_the_database(sync_conn: Connection, traceback: str | None) -> None:
    assert one(sync_conn, "SELECT lapinq_error_place(%s::text)", traceback) == place_of(traceback)


@given(ERRORS, TRACEBACKS)
@SETTINGS
def test_a_stored_error_is_found_in_its_group(
    sync_conn: Connection, error: str, traceback: str | None
) -> None:
    shape = shape_of(error, traceback)
    find = "SELECT lapinq_error_group('mail', 'send', %s, %s)"
    for text in (OTHER_KIND, shape.former, shape.text):
        number = one(
            sync_conn,
            "INSERT INTO lapinq_error_groups (fingerprint, queue_name, task_name, kind, first_at, last_at)"
            " VALUES (decode(%s, 'hex'), 'mail', 'send', 'x', now(), now())"
            " ON CONFLICT (fingerprint) DO UPDATE SET kind = 'x' RETURNING id",
            fingerprint_of("mail", "send", text),
        )
        assert one(sync_conn, find, error, traceback) == number, (text, shape)
    sync_conn.rollback()

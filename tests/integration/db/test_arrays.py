"""Arrays in PostgreSQL's binary format."""

import uuid

import psycopg
import pytest

from lapinq_core.db.arrays import bool_array, float_array, text_array, uuid_array


@pytest.mark.parametrize("length", [0, 1, 3])
def test_an_array_arrives_as_it_was(sync_conn: psycopg.Connection, length: int) -> None:
    uuids = [str(uuid.uuid4()) for _ in range(length)]
    numbers = [0.0, -1.5e-7, 1e300][:length]
    query = "SELECT %s::uuid[]::text[], %s::float8[]"
    assert sync_conn.execute(query, (uuid_array(uuids), float_array(numbers))).fetchone() == (uuids, numbers)
    flags, texts = [True, False, True][:length], ["", "ü\n{}\"'\\", "None"][:length]
    query = "SELECT %s::boolean[], %s::text[]"
    assert sync_conn.execute(query, (bool_array(flags), text_array(texts))).fetchone() == (flags, texts)


def test_an_array_may_have_nulls(sync_conn: psycopg.Connection) -> None:
    numbers, texts = [None, 0.5, None], ["a", None, "None"]
    query = "SELECT %s::float8[], %s::text[]"
    assert sync_conn.execute(query, (float_array(numbers), text_array(texts))).fetchone() == (numbers, texts)


def test_text_that_is_no_uuid_is_refused() -> None:
    with pytest.raises(ValueError, match="hex"):
        uuid_array(["no"])

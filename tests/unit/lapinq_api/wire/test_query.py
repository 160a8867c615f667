"""Query strings are read strictly."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_api.wire.query import flag, read_query, whole_number
from lapinq_core.domain.errors import InvalidValue


def _read(raw: bytes) -> dict[str, str]:
    return read_query({"query_string": raw}, {"queue", "limit"})


def test_values_are_decoded_and_what_cannot_be_meant_is_refused() -> None:
    assert _read(b"") == {}
    assert _read(b"queue=a%20b+c&limit=") == {"queue": "a b c", "limit": ""}
    assert _read("queue=ü".encode()) == {"queue": "ü"}
    many = b"&".join([b"limit=1"] * 101)
    for raw in (b"other=1", b"queue=a&queue=a", b"queue=%ff", b"queue=\xff", many):
        with pytest.raises(InvalidValue):
            _read(raw)


@given(st.binary(max_size=100))
def test_any_query_is_read_or_refused(raw: bytes) -> None:
    with suppress(InvalidValue):
        assert set(_read(raw)) <= {"queue", "limit"}


def test_only_a_whole_number_within_the_bounds_is_one() -> None:
    for text in ("", "x", "1.0", " 1", "1 ", "1_0", "0x1", "٣", "--1", "9" * 10_000, "0", "11", "1\n"):
        with pytest.raises(InvalidValue, match="limit: must be a whole number between 1 and 10"):
            whole_number("limit", text, 5, lowest=1, highest=10)
    assert whole_number("limit", None, 5, lowest=1, highest=10) == 5
    assert whole_number("limit", "+7", 5, lowest=1, highest=10) == 7


def test_only_true_and_false_are_a_flag_and_left_out_it_is_false() -> None:
    for text in ("", "1", "True", "TRUE", "yes", " true", "true\n", "null"):
        with pytest.raises(InvalidValue, match="running: must be true or false"):
            flag("running", text)
    assert [flag("running", text) for text in (None, "false", "true")] == [False, False, True]

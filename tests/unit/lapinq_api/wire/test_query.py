"""Query strings are read strictly."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_api.wire.query import flag, read_query, whole_number
from lapinq_core.domain.errors import InvalidValue


def _read(raw: bytes) -> dict[str, str]:
    return read_query({"query_string": raw}, {"queue", "limit"})


def test_values_are_decoded() -> None:
    assert _read(b"") == {}
    assert _read(b"queue=a%20b+c&limit=") == {"queue": "a b c", "limit": ""}
    assert _read("queue=ü".encode()) == {"queue": "ü"}


@pytest.mark.parametrize(
    "raw", [b"other=1", b"queue=a&queue=a", b"queue=%ff", b"queue=\xff", b"&".join([b"limit=1"] * 101)]
)
def test_what_cannot_be_meant_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidValue):
        _read(raw)


@given(st.binary(max_size=100))
def test_any_query_is_read_or_refused(raw: bytes) -> None:
    with suppress(InvalidValue):
        assert set(_read(raw)) <= {"queue", "limit"}


@pytest.mark.parametrize(
    "text", ["", "x", "1.0", " 1", "1 ", "1_0", "0x1", "٣", "--1", "9" * 10_000, "0", "11", "1\n"]
)
def test_only_a_whole_number_within_the_bounds_is_one(text: str) -> None:
    with pytest.raises(InvalidValue, match="limit: must be a whole number between 1 and 10"):
        whole_number("limit", text, 5, lowest=1, highest=10)


def test_a_number_left_out_is_the_default() -> None:
    assert whole_number("limit", None, 5, lowest=1, highest=10) == 5
    assert whole_number("limit", "+7", 5, lowest=1, highest=10) == 7


@pytest.mark.parametrize("text", ["", "1", "True", "TRUE", "yes", " true", "true\n", "null"])
def test_only_true_and_false_are_a_flag(text: str) -> None:
    with pytest.raises(InvalidValue, match="running: must be true or false"):
        flag("running", text)


def test_a_flag_left_out_is_false() -> None:
    assert [flag("running", text) for text in (None, "false", "true")] == [False, False, True]

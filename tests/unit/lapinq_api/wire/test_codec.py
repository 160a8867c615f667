"""Decoding says in plain words what is wrong and where; encoding gives compact JSON with fixed headers."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapinq_api.wire.codec import Json, decode
from lapinq_core.domain.errors import InvalidValue


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    n: int


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    inner: Inner | None = None
    share: float | None = None
    flag: bool | None = None
    rest: list[Any] | None = None
    table: dict[str, Any] | None = None


_one = msgspec.json.Decoder(Outer)
_many = msgspec.json.Decoder(list[Outer])


@pytest.mark.parametrize(
    ("body", "loc", "msg"),
    [
        (b"{}", "name", "is required"),
        (b'{"name":null}', "name", "must be a string, not null"),
        (b'{"name":"x","no":1}', "no", "is not a known field"),
        (b'{"name":"x","inner":{"n":"1"}}', "inner.n", "must be an integer, not a string"),
        (b'{"name":"x","inner":{}}', "inner.n", "is required"),
        (b'{"name":"x","inner":{"n":1,"a`b":2}}', "inner.a`b", "is not a known field"),
        (b'{"name":"x","share":"1"}', "share", "must be a number, not a string"),
        (b'{"name":"x","share":1e999}', "share", "must be a number within range"),
        (b'{"name":"x","flag":0}', "flag", "must be true or false, not an integer"),
        (b'{"name":"x","rest":true}', "rest", "must be a list, not a boolean"),
        (b'{"name":"x","table":1.5}', "table", "must be an object, not a decimal fraction"),
        (b'{"name":"\xff"}', "", "is not valid JSON: it is not encoded in UTF-8"),
        (b'{"name":', "", "is not valid JSON: it ends too early"),
        (b"{name:1}", "", "is not valid JSON: object keys must be strings (byte 1)"),
        (
            b'{"name":"x","rest":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
            "",
            "must not be nested more than 100 levels deep",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(body: bytes, loc: str, msg: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        decode(_one, body)
    assert (refused.value.loc, refused.value.msg) == (loc, msg)


def test_in_a_list_the_place_begins_with_the_index() -> None:
    with pytest.raises(InvalidValue) as refused:
        decode(_many, b'[{"name":"x"},{"name":"x","inner":{"n":null}}]')
    assert refused.value.loc == "[1].inner.n"
    with pytest.raises(InvalidValue) as refused:
        decode(_many, b'[{"name":"x"},{}]')
    assert refused.value.loc == "[1].name"


def test_of_a_repeated_key_the_last_counts() -> None:
    assert decode(_one, b'{"name":"first","name":"last"}').name == "last"


@given(
    st.binary(max_size=300) | st.text(alphabet='{}[]":,\\ud8005e+-.0 namerst', max_size=80).map(str.encode)
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    with suppress(InvalidValue):
        decode(_one, body)


def test_an_answer_is_json_that_is_not_kept() -> None:
    response = Json({"a": [1]}, 201, {"Retry-After": "1"})
    assert (response.body, response.status_code) == (b'{"a":[1]}', 201)
    assert dict(response.raw_headers) == {
        b"content-length": b"9",
        b"content-type": b"application/json",
        b"cache-control": b"no-store",
        b"x-content-type-options": b"nosniff",
        b"retry-after": b"1",
    }
    assert Json(b'{"as": "is"}').body == b'{"as": "is"}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2030, 1, 31, 12, 0, 0, 125000, tzinfo=UTC), '"2030-01-31T12:00:00.125000+00:00"'),
        (datetime(2030, 1, 31, 12, tzinfo=UTC), '"2030-01-31T12:00:00+00:00"'),
        (datetime(2030, 1, 31, 12, tzinfo=timezone(timedelta(0))), '"2030-01-31T12:00:00+00:00"'),
        ([{"at": datetime(2030, 1, 31, tzinfo=UTC), "n": 1}], '[{"at":"2030-01-31T00:00:00+00:00","n":1}]'),
        # Text stays as it is, whatever it looks like.
        ({"text": "2030-01-31T12:00:00Z"}, '{"text":"2030-01-31T12:00:00Z"}'),
        ((None, "Z", 1.5, True), '[null,"Z",1.5,true]'),
    ],
)
def test_times_have_their_offset_written_out(value: Any, text: str) -> None:
    assert bytes(Json(value).body).decode() == text

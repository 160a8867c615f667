"""Decoding says in plain words what is wrong and where."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from tests.support.tries import tries


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
@settings(max_examples=tries(300), deadline=None)
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    with suppress(InvalidValue):
        decode(_one, body)

import sys
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.redact import HIDDEN, HIDDEN_TEXT, PAYLOAD_FIELDS, Redactor, mask_address

SECRET = "q0x7"
"""What stands in every hidden value, and in nothing else: no key and no other value has a digit in it."""

_words = st.text("abcdefgäß \n", max_size=8)
_plain = st.none() | st.booleans() | _words
_secret_leaves = _words.map(lambda word: word + SECRET)
_secret_values = st.recursive(
    _secret_leaves,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(_words, inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)
_secret_names = st.sampled_from(["password", "Password", "PASSWORD", "x_token", "Api_TOKEN_2", "token"])


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    hidden = st.dictionaries(_secret_names, _secret_values, max_size=2)
    return st.builds(_together, st.dictionaries(_words, inner, max_size=3), hidden)


def _together(shown: dict[str, Any], hidden: dict[str, Any]) -> dict[str, Any]:
    return {**shown, **hidden}


_values: st.SearchStrategy[Any] = st.recursive(
    _plain, lambda inner: st.lists(inner, max_size=4) | _objects(inner), max_leaves=20
)

redactor = Redactor(["password", "*token*"])


def nested(value: Any, levels: int) -> Any:
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@given(_values)
def test_nothing_of_a_hidden_value_is_left_and_all_else_stays(value: Any) -> None:
    before = msgspec.json.encode(value)
    masked = redactor.mask(value)
    assert SECRET.encode() not in msgspec.json.encode(masked)
    assert msgspec.json.encode(value) == before
    assert_same_but_for_hidden(value, masked)
    assert redactor.mask(masked) == masked
    if SECRET.encode() not in before:
        assert masked is value


@given(_values)
def test_text_is_masked_as_the_value_it_stands_for(value: Any) -> None:
    text = msgspec.json.encode(value).decode()
    assert msgspec.json.decode(redactor.mask_text(text)) == redactor.mask(value)


def assert_same_but_for_hidden(value: Any, masked: Any) -> None:
    pairs: list[tuple[Any, Any]] = [(value, masked)]
    while pairs:
        before, after = pairs.pop()
        match before:
            case dict():
                one = cast("dict[str, Any]", before)
                assert list(after) == list(one)
                pairs += [(HIDDEN if redactor.hides(key) else one[key], after[key]) for key in one]
            case list():
                several = cast("list[Any]", before)
                assert len(after) == len(several)
                pairs += zip(several, after, strict=True)
            case _:
                assert after == before


@pytest.mark.parametrize(
    ("pattern", "name", "is_hidden"),
    [
        ("password", "password", True),
        ("password", "PassWord", True),
        ("PASSWORD", "password", True),
        ("password", "password2", False),
        ("password", "my password", False),
        ("*token*", "token", True),
        ("*token*", "Access-Token\n2", True),
        ("card_?", "card_1", True),
        ("card_?", "card_10", False),
        ("a.b", "axb", False),
        ("straße", "STRASSE", True),
        ("*", "", True),
        ("a|b", "a", False),
    ],
)
def test_names_match_in_upper_or_lower_case_and_globs_match_many(
    pattern: str, name: str, is_hidden: bool
) -> None:
    assert Redactor([pattern]).hides(name) is is_hidden
    assert Redactor(["nothing", pattern]).hides(name) is is_hidden


def test_a_hidden_value_looks_the_same_whatever_it_was_and_without_a_pattern_nothing_is_hidden() -> None:
    values: list[Any] = [None, True, 0, 1.5, "", [], {}, [{"password": 1}]]
    for value in values:
        assert redactor.mask({"password": value, "b": 1}) == {"password": HIDDEN, "b": 1}
    assert not Redactor([]).hides("")
    assert not Redactor([]).hides("password")


def test_what_is_nested_deeper_than_the_stack_is_masked() -> None:
    inner = msgspec.json.encode({"password": SECRET}).decode()
    text = f"{'[' * 5_000}{inner}{']' * 5_000}"
    masked = redactor.mask_text(text)
    assert SECRET not in masked
    # How deep it can be looked into is Python's business: 3.11 counts what C code does against its own limit.
    is_hidden_whole = masked == HIDDEN_TEXT and sys.version_info < (3, 12)
    assert is_hidden_whole or len(masked) == len(text) - len(SECRET) + len(HIDDEN)


NO_JSON = [
    "",
    "nothing",
    f"{{'password': '{SECRET}'}}",
    f'{{"password": "{SECRET}"',
    '"\\ud800"',
    "1e999",
    "NaN",
]
NOTHING_TO_HIDE = ["null", "1.0", "1e2", ' {"a" : [1, 12345678901234567890123] } ', '"password"']
LARGE = '{{"password":{},"n":123456789012345678901234567890}}'


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        *((text, HIDDEN_TEXT) for text in NO_JSON),
        *((text, text) for text in NOTHING_TO_HIDE),
        (LARGE.format(1), LARGE.format('"[hidden]"')),
    ],
)
def test_text_stays_as_it_was_written_but_for_what_is_hidden_and_is_hidden_whole_if_it_is_not_json(
    text: str, masked: str
) -> None:
    assert redactor.mask_text(text) == masked


def test_the_name_of_a_field_hides_all_that_is_in_it() -> None:
    task = {"args": [1, {"a": 2}], "kwargs": {"a": [3], "b": 4}, "metadata": None, "result": '{"a":5}'}
    whole = Redactor(["*"])
    assert {name: whole.mask_field(name, task[name]) for name in PAYLOAD_FIELDS} == {
        "args": [HIDDEN, HIDDEN],
        "kwargs": {"a": HIDDEN, "b": HIDDEN},
        "metadata": None,
        "result": HIDDEN_TEXT,
    }
    assert Redactor(["args"]).mask_field("kwargs", {"args": 1, "b": 2}) == {"args": HIDDEN, "b": 2}
    assert Redactor(["a"]).mask_field("result", task["result"]) == '{"a":"[hidden]"}'
    assert Redactor(["a"]).mask_field("args", task["args"]) == [1, {"a": HIDDEN}]


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://example.org/done", "https://example.org/done"),
        ("https://example.org:8443/a/b?", "https://example.org:8443/a/b?"),
        ("https://ada:secret@[::1]:80/x", "https://[hidden]@[::1]:80/x"),
        ("https://token@example.org", "https://[hidden]@example.org"),
        ("https://a@b:c@example.org/", "https://[hidden]@example.org/"),
        ("https://example.org/?sig=a=b&to=", "https://example.org/?sig=[hidden]&to="),
        ("https://example.org?secret#part", "https://example.org?[hidden]#[hidden]"),
        ("//[", "[hidden]"),
    ],
)
def test_an_address_keeps_what_is_no_secret(url: str, masked: str) -> None:
    assert mask_address(url) == masked

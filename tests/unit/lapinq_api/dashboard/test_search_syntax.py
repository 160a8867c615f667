"""The words of the search box: read, written back, and refused by the key that is wrong."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_api.dashboard.parts.search_syntax import KEYS, MAX_CHARACTERS, parse, write
from lapinq_core.domain.errors import InvalidValue

PARAMETERS = st.dictionaries(st.sampled_from(list(KEYS.values())), st.text(min_size=1, max_size=30))


def test_words_are_parameters() -> None:
    text = 'queue:video status:failed task:transcode args:"42" error:timeout id:01a2 since:1h sort:longest'
    assert parse(text) == {
        "queue": "video",
        "status": "failed",
        "task_name": "transcode",
        "args": "42",
        "error": "timeout",
        "id": "01a2",
        "since": "1h",
        "sort": "longest",
    }
    assert parse("until:2026-11-20T10:00") == {"until": "2026-11-20T10:00"}
    assert parse("  ") == parse("") == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("transcode", "transcode"),
        ("send  mail", "send mail"),
        ('"send  mail"', "send  mail"),
        ('"a:b"', "a:b"),
        ("Video.encode", "Video.encode"),
        (":b", ":b"),
        ("1:b", "1:b"),
        ('it"s', 'it"s'),
        ("TASK:x", "x"),
        ("task:a:b", "a:b"),
    ],
)
def test_words_without_a_key_search_the_names_of_tasks(text: str, name: str) -> None:
    assert parse(text) == {"task_name": name}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'args:"a \"b\" \\ c"', r'a "b" \ c'),
        ('args:[1,"a"]', '[1,"a"]'),
        (r"args:a\nb", r"a\nb"),
        ('args:"a\nb"', "a\nb"),
        ("args:100%", "100%"),
    ],
)
def test_quotes_hold_what_has_spaces(text: str, value: str) -> None:
    assert parse(text) == {"args": value}


@pytest.mark.parametrize(
    ("text", "loc"),
    [
        ("colour:red", "colour"),
        ("queue:", "queue"),
        ("queue: video", "queue"),
        ('queue:""', "queue"),
        ("queue:a queue:b", "queue"),
        ("task:a b", "task"),
        ('error:"no', "error"),
        ('"no', "the search"),
        ('error:"no"way', "error"),
        ("x" * (MAX_CHARACTERS + 1), "the search"),
    ],
)
def test_what_is_wrong_is_refused_by_its_key(text: str, loc: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse(text)
    assert caught.value.loc == loc


def test_what_is_written_is_as_short_as_it_can_be() -> None:
    assert write({"task_name": "transcode", "queue": "a b", "args": '"x"'}) == (
        r'queue:"a b" transcode args:"\"x\""'
    )
    assert write({"task_name": "a:b"}) == "task:a:b"
    assert write({}) == ""


@given(PARAMETERS)
def test_what_is_written_is_read_as_it_was(parameters: dict[str, str]) -> None:
    assert parse(write(parameters)) == parameters


@given(st.text(max_size=60) | st.text(alphabet='aq:"\\ \n', max_size=20))
def test_any_text_is_read_or_refused_and_keeps_its_meaning(text: str) -> None:
    with suppress(InvalidValue):
        assert parse(write(parse(text))) == parse(text)

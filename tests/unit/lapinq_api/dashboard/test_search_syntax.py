"""The words of the search box: read, written back, and refused by the key that is wrong."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_api.dashboard.parts.task_list.search_syntax import (
    EXCLUDED,
    KEYS,
    MAX_CHARACTERS,
    parse,
    unknown_filter,
    write,
)
from lapinq_api.operations.filters.several import join, split
from lapinq_core.domain.errors import InvalidValue

VALUE = st.text(min_size=1, max_size=30)
TWO_OR_MORE = st.lists(VALUE, min_size=2, max_size=4, unique=True).map(join)
LISTS = st.lists(VALUE, min_size=1, max_size=4, unique=True).map(join)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        **{name: VALUE for key, name in KEYS.items() if key != "id"},
        "id": st.sampled_from(["01981c1e", "01981c1e-5c", "x"]),
        **dict.fromkeys(EXCLUDED.values(), LISTS),
    },
)


def test_words_are_parameters() -> None:
    text = 'queue:video status:failed task:transcode args:"42" error:timeout id:01a2 since:1h sort:longest'
    assert parse(text) == {
        "queue": "video",
        "status": "failed",
        "task_name": "transcode",
        "arguments": "42",
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
        ('"deadbeef"', "deadbeef"),
        ("facade", "facade"),
        ("deadbeef-cafe-x", "deadbeef-cafe-x"),
        ("a,b", "a,b"),
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
    assert parse(text) == {"arguments": value}


@pytest.mark.parametrize(
    ("text", "loc"),
    [
        ("colour:red", "colour"),
        ("queue:", "queue"),
        ("queue: video", "queue"),
        ('queue:""', "queue"),
        ("queue:a queue:b", "queue"),
        ("task:a b", "task"),
        ("queue:a,", "queue"),
        ("queue:a queue:b,c", "queue"),
        ("-since:1h", "since"),
        ("-colour:red", "colour"),
        ("-queue:", "queue"),
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


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("01981c1e", "01981c1e"),
        ("01981C1E-5c3e-7", "01981C1E-5c3e-7"),
        ("01981c1e5c3e7", "01981c1e-5c3e-7"),
        ("01981c1e5c3e7a538c1f0d9f6f1f7e11", "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"),
        ("01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11", "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"),
        ("id:01981c1e5c3e7", "01981c1e-5c3e-7"),
    ],
)
def test_a_word_like_an_id_searches_ids(text: str, begin: str) -> None:
    assert parse(text) == {"id": begin}
    assert parse(f"send {text}") == {"task_name": "send", "id": begin}


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("queue:a,b", {"queues": "a,b"}),
        ('queue:"a b",c', {"queues": '"a b",c'}),
        ('queue:"a,b"', {"queue": "a,b"}),
        ("name:send,pay", {"names": "send,pay"}),
        ("status:failed,expired", {"status": "failed,expired"}),
        ("-queue:mail", {"not_queues": "mail"}),
        ("-queue:mail,x -queue:y -queue:x", {"not_queues": "mail,x,y"}),
        ("-status:completed -state:paused", {"not_status": "completed", "not_state": "paused"}),
        ('-send -"pay all" -error:timeout', {"not_task_names": 'send,"pay all"', "not_errors": "timeout"}),
        ("args:1,2", {"arguments": "1,2"}),
        ("kwargs:a metadata:b", {"kwargs": "a", "metadata": "b"}),
        ("a - b", {"task_name": "a - b"}),
    ],
)
def test_values_are_several_or_excluded(text: str, parameters: dict[str, str]) -> None:
    assert parse(text) == parameters
    assert parse(write(parameters)) == parameters


@given(st.lists(VALUE, min_size=1, max_size=5, unique=True))
def test_several_values_are_read_as_they_were_written(values: list[str]) -> None:
    assert split("x", join(values)) == values


@given(TWO_OR_MORE)
def test_several_queues_are_read_as_they_were_written(text: str) -> None:
    assert parse(write({"queues": text})) == {"queues": text}


@pytest.mark.parametrize(
    "text", ["", ",", "a,", ",a", "a,,b", '"a', '"a"b', '""', ",".join("abcdefghijklmnopqrstu")]
)
def test_what_is_no_list_of_values_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        split("queues", text)
    assert caught.value.loc == "queues"


def test_an_unknown_filter_is_named_with_the_one_that_was_meant() -> None:
    assert unknown_filter("send qeue:mail") == ("qeue", "queue")
    assert unknown_filter("-colour:red") == ("colour", None)
    assert unknown_filter('queue:mail args:"x:1"') is None


def test_what_is_written_is_as_short_as_it_can_be() -> None:
    assert write({"task_name": "transcode", "queue": "a b", "arguments": '"x"'}) == (
        r'queue:"a b" transcode args:"\"x\""'
    )
    assert write({"task_name": "a:b"}) == "task:a:b"
    assert write({"task_name": "deadbeef"}) == "task:deadbeef"
    assert write({"task_name": "-a"}) == "task:-a"
    assert write({}) == ""


@given(PARAMETERS)
def test_what_is_written_is_read_as_it_was(parameters: dict[str, str]) -> None:
    assert parse(write(parameters)) == parameters


@given(st.text(max_size=60) | st.text(alphabet='aq:"\\ \n', max_size=20))
def test_any_text_is_read_or_refused_and_keeps_its_meaning(text: str) -> None:
    with suppress(InvalidValue):
        assert parse(write(parse(text))) == parse(text)

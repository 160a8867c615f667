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
from lapinq_api.operations.filters.task_values import PARAMETER
from lapinq_core.domain.errors import InvalidValue

VALUE = st.text(min_size=1, max_size=30)
LISTS = st.lists(VALUE, min_size=1, max_size=4, unique=True).map(join)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        **{name: VALUE for key, name in KEYS.items() if key != "id"},
        "id": st.sampled_from(["01981c1e", "01981c1e-5c", "x"]),
        "queues": st.lists(VALUE, min_size=2, max_size=4, unique=True).map(join),
        "keys": st.lists(VALUE, min_size=2, max_size=4, unique=True).map(join)
        | VALUE.map(lambda key: join([f"{key}x*"])),
        "named_arguments": st.lists(
            st.tuples(st.from_regex(PARAMETER, fullmatch=True), VALUE).map("=".join),
            min_size=1,
            max_size=3,
            unique=True,
        ).map(join),
        **dict.fromkeys(EXCLUDED.values(), LISTS),
    },
).filter(lambda found: not ({"queue", "queues"} <= found.keys() or {"key", "keys"} <= found.keys()))
READ: list[tuple[str, dict[str, str]]] = [
    ("  ", {}),
    (
        'queue:video status:failed task:transcode args:"42" id:01a2 since:1h sort:longest',
        {
            "queue": "video", "status": "failed", "task_name": "transcode", "arguments": "42", "id": "01a2",
            "since": "1h", "sort": "longest",
        },
    ),
    ("until:2026-11-20T10:00", {"until": "2026-11-20T10:00"}),
    # Words without a key search the names of tasks.
    ("send  mail", {"task_name": "send mail"}),
    ('"send  mail"', {"task_name": "send  mail"}),
    ('"a:b"', {"task_name": "a:b"}),
    ("Video.encode", {"task_name": "Video.encode"}),
    (":b", {"task_name": ":b"}),
    ("1:b", {"task_name": "1:b"}),
    ("a,b", {"task_name": "a,b"}),
    ("a - b", {"task_name": "a - b"}),
    ('it"s', {"task_name": 'it"s'}),
    ("TASK:x", {"task_name": "x"}),
    ("task:a:b", {"task_name": "a:b"}),
    # One like an id searches ids.
    ("facade", {"task_name": "facade"}),
    ('"deadbeef"', {"task_name": "deadbeef"}),
    ("deadbeef-cafe-x", {"task_name": "deadbeef-cafe-x"}),
    ("send 01981c1e", {"task_name": "send", "id": "01981c1e"}),
    ("01981C1E-5c3e-7", {"id": "01981C1E-5c3e-7"}),
    ("id:01981c1e5c3e7", {"id": "01981c1e-5c3e-7"}),
    ("01981c1e5c3e7a538c1f0d9f6f1f7e11", {"id": "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"}),
    # Quotes hold what has spaces.
    (r'args:"a \"b\" \\ c"', {"arguments": r'a "b" \ c'}),
    ('args:[1,"a"]', {"arguments": '[1,"a"]'}),
    (r"args:a\nb", {"arguments": r"a\nb"}),
    ('args:"a\nb"', {"arguments": "a\nb"}),
    # Values are several or excluded.
    ("queue:a,b", {"queues": "a,b"}),
    ('queue:"a b",c', {"queues": '"a b",c'}),
    ('queue:"a,b"', {"queue": "a,b"}),
    ("name:send,pay", {"names": "send,pay"}),
    ("status:failed,expired", {"status": "failed,expired"}),
    ("-queue:mail,x -queue:y -queue:x", {"not_queues": "mail,x,y"}),
    ("-status:completed -state:paused", {"not_status": "completed", "not_state": "paused"}),
    ('-send -"pay all" -error:timeout', {"not_task_names": 'send,"pay all"', "not_errors": "timeout"}),
    ("args:1,2", {"arguments": "1,2"}),
    ("-args:1 -args:2 -metadata:a -result:b", {"not_arguments": "1,2", "not_metadata": "a", "not_results": "b"}),
    ('-kind:"ValueError: no *"', {"not_error_kinds": '"ValueError: no *"'}),
    # A key that ends with an asterisk is the beginning of keys.
    ("key:acme", {"key": "acme"}),
    ("key:acme*", {"keys": "acme*"}),
    ('key:"acme inc*"', {"keys": '"acme inc*"'}),
    (r"key:acme\*", {"key": "acme*"}),
    (r"key:acme\*,b*", {"keys": r"acme\*,b*"}),
    ("-key:acme*,b -key:*", {"not_keys": "acme*,b,*"}),
    # An argument is named.
    (
        'args.order:17 args.Order.id:"a b" args:x',
        {"arguments": "x", "named_arguments": 'order=17,"Order.id=a b"'},
    ),
    ("args.1:x", {"task_name": "args.1:x"}),
    ("kwargs:a metadata:b", {"kwargs": "a", "metadata": "b"}),
]  # fmt: skip


def test_words_are_parameters() -> None:
    for text, parameters in READ:
        assert parse(text) == parameters, text
        assert parse(write(parameters)) == parameters, text


@pytest.mark.parametrize(
    ("text", "loc"),
    [
        ("colour:red", "colour"),
        ("queue:", "queue"),
        ("queue: video", "queue"),
        ('queue:""', "queue"),
        ("queue:a queue:b,c", "queue"),
        ("task:a b", "task"),
        ("queue:a,", "queue"),
        ("-since:1h", "since"),
        ("-colour:red", "colour"),
        ("-queue:", "queue"),
        ("-args.order:1", "args.order"),
        ("args.order:", "args.order"),
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


@given(st.lists(VALUE, min_size=1, max_size=5, unique=True))
def test_several_values_are_read_as_they_were_written(values: list[str]) -> None:
    assert split("x", join(values)) == values


@pytest.mark.parametrize("text", ["", ",a", "a,,b", '"a', '"a"b', '""', ",".join("abcdefghijklmnopqrstu")])
def test_what_is_no_list_of_values_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        split("queues", text)
    assert caught.value.loc == "queues"


def test_an_unknown_filter_is_named_with_the_one_that_was_meant() -> None:
    assert unknown_filter("send qeue:mail") == ("qeue", "queue")
    assert unknown_filter("-colour:red") == ("colour", None)
    assert unknown_filter('queue:mail args:"x:1"') is None


def test_what_is_written_is_as_short_as_it_can_be() -> None:
    for parameters, text in (
        (
            {"task_name": "transcode", "queue": "a b", "arguments": '"x"'},
            r'queue:"a b" transcode args:"\"x\""',
        ),
        ({"task_name": "a:b"}, "task:a:b"),
        ({"task_name": "deadbeef"}, "task:deadbeef"),
        ({"task_name": "-a"}, "task:-a"),
        ({"queues": "a,"}, "queue:a,"),
        ({}, ""),
    ):
        assert write(parameters) == text


@given(PARAMETERS)
def test_what_is_written_is_read_as_it_was(parameters: dict[str, str]) -> None:
    assert parse(write(parameters)) == parameters


@given(st.text(max_size=60) | st.text(alphabet='aq:"\\ \n', max_size=20))
def test_any_text_is_read_or_refused_and_keeps_its_meaning(text: str) -> None:
    with suppress(InvalidValue):
        assert parse(write(parse(text))) == parse(text)

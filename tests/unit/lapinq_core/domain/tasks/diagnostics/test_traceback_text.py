"""Tracebacks as Python writes them, read back; and that whatever else comes is left as it is."""

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.tasks.diagnostics.traceback_text import (
    Link,
    Owner,
    Trace,
    own_frame,
    owner_of,
    read_traceback,
)


def text_of(function: Callable[[], Any]) -> str:
    try:
        function()
    except Exception as error:  # noqa: BLE001  # what it raises is what is looked at
        return "".join(traceback.format_exception(error))
    raise AssertionError("it raised nothing")


def fail(message: str = "no") -> None:
    raise ValueError(message)


def chained() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        raise RuntimeError("order 7 can't be read") from error


def while_handling() -> None:
    try:
        fail()
    except ValueError:
        dict[str, str]().pop("NO SUCH NAME")


def grouped() -> None:
    errors: list[Exception] = []
    for one in (fail, chained):
        try:
            one()
        except Exception as error:  # noqa: BLE001
            errors.append(error)
    try:
        raise ExceptionGroup("inner", [TypeError("nested")])
    except ExceptionGroup as error:
        errors.append(error)
    raise ExceptionGroup("many", errors)


def functions(trace: Trace) -> list[str | None]:
    return [frame.function for frame in trace.frames]


def test_a_frame_has_its_place_and_its_source_whatever_the_message_looks_like() -> None:
    message = 'first\n\n  File "x.py", line 1, in x\n    code'
    (trace,) = read_traceback(text_of(lambda: fail(message)))
    assert functions(trace) == ["text_of", "<lambda>", "fail"]
    last = trace.frames[-1]
    assert last.file == __file__
    assert last.source.startswith("raise ValueError(message)")
    assert trace.error == f"ValueError: {message}"
    assert (trace.link, trace.depth, trace.number) == (None, 0, None)


def test_the_users_own_innermost_frame() -> None:
    text = """Traceback (most recent call last):
  File "/app/shop/mail.py", line 42, in send
    smtp.send(letter)
    ~~~~~~~~~^^^^^^^^
  File "/usr/lib/python3.13/smtplib.py", line 9, in send
    raise error
ValueError: no
"""
    assert own_frame(text) == "/app/shop/mail.py:42 in send\nsmtp.send(letter)"
    assert own_frame(text_of(lambda: compile("a b", "orders.py", "exec"))) == "orders.py:1\na b"
    assert own_frame("ValueError: no") is None


@pytest.mark.parametrize(
    ("function", "link", "errors"),
    [
        (chained, Link.CAUSE, ["json.decoder.JSONDecodeError: Expecting property", "RuntimeError: order 7"]),
        (while_handling, Link.CONTEXT, ["ValueError: no", "KeyError: 'NO SUCH"]),
    ],
)
def test_exceptions_that_follow_each_other_are_told_apart(
    function: Callable[[], None], link: Link, errors: list[str]
) -> None:
    traces = read_traceback(text_of(function))
    assert [trace.link for trace in traces] == [None, link]
    for trace, error in zip(traces, errors, strict=True):
        assert trace.error.startswith(error)
        assert trace.frames


def test_the_members_of_a_group_are_numbered_and_lie_deeper_and_what_follows_is_out_of_it() -> None:
    def failing() -> None:
        try:
            grouped()
        except ExceptionGroup:
            fail()

    traces = read_traceback(text_of(failing))
    assert [(trace.depth, trace.number, trace.link, trace.error.partition(":")[0]) for trace in traces] == [
        (0, None, None, "ExceptionGroup"),
        (1, 1, None, "ValueError"),
        (1, 2, None, "json.decoder.JSONDecodeError"),
        (1, 2, Link.CAUSE, "RuntimeError"),
        (1, 3, None, "ExceptionGroup"),
        (2, 1, None, "TypeError"),
        (0, None, Link.CONTEXT, "ValueError"),
    ]
    assert [functions(trace)[-1:] for trace in traces] == [
        ["grouped"], ["fail"], ["raw_decode"], ["chained"], ["grouped"], [], ["fail"],
    ]  # fmt: skip


def test_the_place_of_a_syntax_error_is_the_last_frame() -> None:
    (trace,) = read_traceback(text_of(lambda: compile("a b", "orders.py", "exec")))
    last = trace.frames[-1]
    assert (last.file, last.line, last.function) == ("orders.py", 1, None)
    assert last.source.startswith("a b\n")
    assert trace.error.startswith("SyntaxError: ")


def test_a_recursion_is_told_once() -> None:
    def recurse() -> None:
        recurse()

    (trace,) = read_traceback(text_of(recurse))
    *others, last = trace.frames
    assert len(others) < 10
    assert "more times]" in last.source
    assert trace.error.startswith("RecursionError")


def test_a_text_that_was_cut_in_the_middle_is_read_as_far_as_it_goes() -> None:
    text = text_of(lambda: [fail(), None])
    at = text.index("in <lambda>")
    (trace,) = read_traceback(f"{text[: at - 20]}\n… 20 characters left out …\n{text[at:]}")
    assert functions(trace) == ["text_of", "fail"]
    assert trace.error == "ValueError: no"


@pytest.mark.parametrize(
    "text", ["", "Traceback …", "boom", "Traceback (most recent call last):\nValueError: no"]
)
def test_what_has_no_frame_is_left_as_it_is(text: str) -> None:
    assert read_traceback(text) == ()


_pieces = st.sampled_from(
    [
        "Traceback (most recent call last):", "  + Exception Group Traceback (most recent call last):",
        '  File "a.py", line 3, in f', '  File "a.py", line 3', "    code", "    ^^^^", "ValueError: no", "",
        "  | ", '  |   File "b.py", line 1, in g', "  +-+---------------- 1 ----------------", "    | Error: x",
        "    +---------------- ... ----------------", "    +------------------------------------",
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
        "  [Previous line repeated 3 more times]",
    ]
)  # fmt: skip


@given(st.lists(_pieces | st.text(max_size=20), max_size=40))
def test_any_text_is_read(lines: list[str]) -> None:
    traces = read_traceback("\n".join(lines))
    assert all(trace.depth >= 0 for trace in traces)
    assert not traces or any(trace.frames for trace in traces)


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("/srv/shop/orders.py", Owner.USER),
        ("/home/lisa/lapinq/orders.py", Owner.USER),
        ("C:\\shop\\orders.py", Owner.USER),
        ("<string>", Owner.USER),
        ("/srv/.venv/lib/python3.12/site-packages/httpx/_client.py", Owner.LIBRARY),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", Owner.LIBRARY),
        ("/usr/lib/python3.13/json/decoder.py", Owner.PYTHON),
        ("C:\\Python312\\Lib\\json\\decoder.py", Owner.PYTHON),
        ("<frozen importlib._bootstrap>", Owner.PYTHON),
        ("/srv/.venv/lib/python3.12/site-packages/lapinq/client.py", Owner.LAPINQ),
        ("/srv/.venv/lib/python3.12/site-packages/lapinq_worker/running/pools/threads.py", Owner.LAPINQ),
        ("/src/lapinq_core/importing.py", Owner.LAPINQ),
    ],
)
def test_a_path_tells_whose_code_it_is(file: str, owner: Owner) -> None:
    assert owner_of(file) is owner

"""The text of a traceback is the same whether or not an error came from that place before."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lapinq_core.runtime.known_places import MAX_FRAMES, PLACES, KnownPlaces, place_of
from lapinq_core.runtime.users_traceback import users_traceback


class Noted(ValueError):
    """An error with a note of its own."""

    def __init__(self) -> None:
        super().__init__("first line\nsecond line")
        self.add_note("a note")


def fail_noted() -> None:
    raise Noted


def fail_without_words() -> None:
    raise KeyError


def fail_in_a_library() -> None:
    json.loads("{")


def fail_with_a_cause() -> None:
    try:
        fail_without_words()
    except KeyError as error:
        raise ValueError("because") from error


def fail_with_a_context() -> None:
    try:
        fail_without_words()
    except KeyError:
        raise ValueError("meanwhile")  # noqa: B904


def fail_with_a_hidden_context() -> None:
    try:
        fail_without_words()
    except KeyError:
        raise ValueError("instead") from None


def fail_as_a_group() -> None:
    raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])


def fail_for_a_wrong_name() -> None:
    number = 1
    print(nunber)  # type: ignore[name-defined] # noqa: F821
    print(number)


def fail_deep(depth: int = 12) -> None:
    if depth:
        fail_deep(depth - 1)
    raise RecursionError("deep")


def fail_deeper_than_is_remembered() -> None:
    fail_deep(MAX_FRAMES + 1)


def text_of(fail: Callable[..., Any], *args: Any) -> str:
    try:
        fail(*args)
    except Exception as error:  # noqa: BLE001  # whichever the case raises
        return users_traceback(error)
    raise AssertionError("it did not fail")


@pytest.mark.parametrize(
    "fail", [value for name, value in list(globals().items()) if name.startswith("fail_")]
)
def test_an_error_from_a_known_place_has_the_same_text(fail: Callable[[], None]) -> None:
    first = text_of(fail)
    assert first.startswith(("Traceback (most recent call last):\n", "  + Exception Group Traceback"))
    assert text_of(fail) == first


def test_each_error_has_its_message_and_its_place_in_the_function() -> None:
    def fail(word: str) -> None:
        if word == "first":
            raise ValueError(word)
        raise KeyError(word)

    for word, end in (
        ("first", "ValueError: first\n"),
        ("two", "KeyError: 'two'\n"),
        ("3", "KeyError: '3'\n"),
    ):
        text = text_of(fail, word)
        assert text.endswith(end)
        assert f"raise {end.partition(':')[0]}(word)" in text


def test_it_remembers_a_bounded_number_of_places() -> None:
    places = KnownPlaces(most=3)
    for depth in range(20):
        try:
            fail_deep(depth)
        except RecursionError as error:
            place = place_of(error)
            assert place is not None
            places.remember(place, str(depth))
            assert places.frames_at(place) == str(depth)
        assert len(places) <= 3


def test_a_place_is_remembered_unless_the_text_depends_on_more() -> None:
    before = len(PLACES)
    text_of(lambda: fail_without_words())  # a place that no other test has
    assert len(PLACES) == before + 1

    def call(fail: Callable[[], None]) -> None:
        fail()

    for fail in (fail_with_a_cause, fail_with_a_context, fail_as_a_group, fail_for_a_wrong_name):
        text_of(call, fail)
    assert len(PLACES) == before + 1

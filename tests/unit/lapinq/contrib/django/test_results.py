"""The class of an exception, from what lapinq stores of it."""

from collections.abc import Callable

import pytest

from lapinq.contrib.django.results import NO_EXCEPTION, class_path_of
from lapinq_core.domain.tasks.outcome import Raised
from lapinq_worker.running.outcomes import raised


class Declined(Exception):
    class Nested(Exception): ...


HERE = __name__


def chained() -> None:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise Declined("second\nKeyError: a line of the message") from error


def grouped() -> None:
    raise ExceptionGroup("several", [ValueError("one"), Declined("two")])


def plain(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "path"),
    [
        (ValueError("x"), "builtins.ValueError"),
        (Declined(), f"{HERE}.Declined"),
        (Declined("a: b\n\nTraceback (most recent call last):\n"), f"{HERE}.Declined"),
        (Declined.Nested("x"), f"{HERE}.Declined.Nested"),
    ],
)
def test_it_is_found(error: Exception, path: str) -> None:
    assert _path(lambda: plain(error)) == path


def test_it_is_the_last_of_a_chain_and_the_group_itself() -> None:
    assert _path(chained) == f"{HERE}.Declined"
    assert _path(grouped) == "builtins.ExceptionGroup"


def test_without_a_traceback_there_was_none() -> None:
    assert class_path_of("time limit of 3 s reached", "") == NO_EXCEPTION


def _path(function: Callable[[], None]) -> str:
    try:
        function()
    except Exception as error:  # noqa: BLE001
        outcome = raised(error)
        assert isinstance(outcome, Raised)
        return class_path_of(outcome.error, outcome.traceback or "")
    raise AssertionError("it raised nothing")

"""The class of an exception, from what lapinq stores of it."""

import pytest

from lapinq.contrib.django.results import NO_EXCEPTION, class_path_of
from lapinq_core.domain.tasks.outcome import Raised
from lapinq_worker.running.outcomes import raised


class Declined(Exception):
    class Nested(Exception): ...


def chained() -> Exception:
    error = Declined("second\nKeyError: a line of the message")
    error.__cause__ = KeyError("first")
    return error


@pytest.mark.parametrize(
    ("error", "path"),
    [
        (ValueError("x"), "builtins.ValueError"),
        (Declined(), f"{__name__}.Declined"),
        (Declined("a: b\n\nTraceback (most recent call last):\n"), f"{__name__}.Declined"),
        (Declined.Nested("x"), f"{__name__}.Declined.Nested"),
        (chained(), f"{__name__}.Declined"),
        (ExceptionGroup("several", [ValueError("one"), Declined("two")]), "builtins.ExceptionGroup"),
    ],
)
def test_it_is_found(error: Exception, path: str) -> None:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001
        outcome = raised(caught)
    assert isinstance(outcome, Raised)
    assert class_path_of(outcome.error, outcome.traceback or "") == path


def test_without_a_traceback_there_was_none() -> None:
    assert class_path_of("time limit of 3 s reached", "") == NO_EXCEPTION

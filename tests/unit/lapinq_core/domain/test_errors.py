"""The root error and those that cross process borders."""

import pickle

import pytest

from lapinq_core.domain.errors import (
    Cancel,
    InvalidValue,
    LapinqError,
    LeaseLost,
    NoTask,
    RetryError,
    Snooze,
    TimeLimit,
)


class Broken(LapinqError):
    """It is broken.

    More about that.
    """


def test_the_first_line_of_the_docstring_is_the_message() -> None:
    assert str(Broken()) == "It is broken."
    assert str(Broken("badly")) == "badly"


def test_a_retry_error_says_when() -> None:
    assert (RetryError().countdown, str(RetryError(2.5))) == (10, "retry in 2.5 s")
    assert str(RetryError(1, message="the mirror is down")) == "the mirror is down"


def test_an_invalid_value_names_its_place() -> None:
    error = InvalidValue("args[0]", "must be finite")
    assert (str(error), error.loc, error.msg) == ("args[0]: must be finite", "args[0]", "must be finite")
    assert str(InvalidValue("", "must be a list")) == "must be a list"


def test_errors_survive_pickling() -> None:
    retry = pickle.loads(pickle.dumps(RetryError(4, message="later")))
    invalid = pickle.loads(pickle.dumps(InvalidValue("queue", "no")))
    assert (retry.countdown, str(retry)) == (4, "later")
    assert (invalid.loc, invalid.msg) == ("queue", "no")


@pytest.mark.parametrize(
    "error", [Cancel(), Cancel("not wanted"), Snooze(2.5), TimeLimit(5), LeaseLost(), NoTask()], ids=repr
)
def test_what_ends_a_task_survives_pickling(error: BaseException) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_each_way_to_end_a_task_says_what_it_asks_for() -> None:
    assert str(Cancel("the order was withdrawn")) == "the order was withdrawn"
    assert str(Cancel()) == "the task cancelled itself"
    assert (Snooze().seconds, str(Snooze(90))) == (10, "snoozed for 90 s")
    assert (TimeLimit(2.5).limit, str(TimeLimit(2.5))) == (2.5, "time limit of 2.5 s reached")


def test_a_time_limit_passes_what_catches_exceptions() -> None:
    assert not issubclass(TimeLimit, Exception)
    assert all(issubclass(kind, LapinqError) for kind in (Cancel, Snooze, LeaseLost, NoTask))

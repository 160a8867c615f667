"""The root error and those that cross process borders."""

import math
import pickle
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lapinq_core.domain.errors import (
    Cancel,
    InvalidValue,
    LapinqError,
    LeaseLost,
    NoTask,
    RateLimited,
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
    "error",
    [
        Cancel(),
        Cancel("not wanted"),
        Snooze(2.5),
        RateLimited("api", 2.5),
        TimeLimit(5),
        LeaseLost(),
        NoTask(),
    ],
    ids=repr,
)
def test_what_ends_a_task_survives_pickling(error: BaseException) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_each_way_to_end_a_task_says_what_it_asks_for() -> None:
    assert str(Cancel("the order was withdrawn")) == "the order was withdrawn"
    assert str(Cancel()) == "the task cancelled itself"
    assert (Snooze().seconds, str(Snooze(90))) == (10, "snoozed for 90 s")
    assert (TimeLimit(2.5).limit, str(TimeLimit(2.5))) == (2.5, "time limit of 2.5 s reached")


def test_a_refused_task_names_the_limit_that_closes() -> None:
    error = RateLimited("openai")
    assert (error.limit, error.after, str(error)) == ("openai", 30, "the limit openai is closed for 30 s")
    for limit, after, wrong in (
        (5, 1, "limit must be"),
        ("a", "1", "after must be"),
        ("a", True, "after must be"),
    ):
        with pytest.raises(TypeError, match=wrong):
            RateLimited(limit, after)  # pyright: ignore[reportArgumentType]


def test_a_time_limit_passes_what_catches_exceptions() -> None:
    assert not issubclass(TimeLimit, Exception)
    assert all(issubclass(kind, LapinqError) for kind in (Cancel, Snooze, LeaseLost, NoTask))


@pytest.mark.parametrize("seconds", ["60", timedelta(minutes=1), None, True, [60]])
def test_a_snooze_takes_numbers_only(seconds: Any) -> None:
    with pytest.raises(TypeError, match=r"^seconds must be a number$"):
        Snooze(seconds)


@pytest.mark.parametrize("seconds", [-1, 0, 0.5, math.nan, math.inf, Decimal(60)])
def test_a_snooze_takes_any_number(seconds: Any) -> None:
    assert Snooze(seconds).seconds is seconds


def test_a_retry_error_with_a_message_takes_what_it_always_took() -> None:
    countdown: Any = "5"
    assert RetryError(countdown, "later").countdown == "5"

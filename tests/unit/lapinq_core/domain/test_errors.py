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


@pytest.mark.parametrize(
    ("error", "text", "facts"),
    [
        (Broken(), "It is broken.", {}),  # the first line of the docstring
        (Broken("badly"), "badly", {}),
        (RetryError(), "retry in 10 s", {"countdown": 10}),
        (RetryError(2.5), "retry in 2.5 s", {"countdown": 2.5}),
        (RetryError(1, message="the mirror is down"), "the mirror is down", {"countdown": 1}),
        (InvalidValue("args[0]", "no"), "args[0]: no", {"loc": "args[0]", "msg": "no"}),
        (InvalidValue("", "must be a list"), "must be a list", {"loc": "", "msg": "must be a list"}),
        (Cancel(), "the task cancelled itself", {}),
        (Cancel("the order was withdrawn"), "the order was withdrawn", {}),
        (Snooze(), "snoozed for 10 s", {"seconds": 10}),
        (Snooze(2.5), "snoozed for 2.5 s", {"seconds": 2.5}),
        (RateLimited("openai"), "the limit openai is closed for 30 s", {"limit": "openai", "after": 30}),
        (TimeLimit(2.5), "time limit of 2.5 s reached", {"limit": 2.5}),
        (LeaseLost(), str(LeaseLost()), {}),
        (NoTask(), str(NoTask()), {}),
    ],
    ids=repr,
)
def test_each_error_says_what_it_asks_for_also_after_pickling(
    error: BaseException, text: str, facts: dict[str, object]
) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), vars(again)) == (type(error), vars(error))
    for one in (error, again):
        assert str(one) == text
        assert {name: getattr(one, name) for name in facts} == facts


def test_a_time_limit_passes_what_catches_exceptions() -> None:
    assert not issubclass(TimeLimit, Exception)
    assert all(issubclass(kind, LapinqError) for kind in (Cancel, Snooze, LeaseLost, NoTask))


def test_a_refused_task_names_the_limit_by_text_and_a_time_by_a_number() -> None:
    for limit, after, wrong in (
        (5, 1, "limit must be"),
        ("a", "1", "after must be"),
        ("a", True, "after must be"),
    ):
        with pytest.raises(TypeError, match=wrong):
            RateLimited(limit, after)  # pyright: ignore[reportArgumentType]


def test_a_snooze_takes_any_number_and_nothing_else() -> None:
    numbers: list[Any] = [-1, 0, 0.5, math.nan, math.inf, Decimal(60)]
    for seconds in numbers:
        assert Snooze(seconds).seconds is seconds
    others: list[Any] = ["60", timedelta(minutes=1), None, True, [60]]
    for seconds in others:
        with pytest.raises(TypeError, match=r"^seconds must be a number, not "):
            Snooze(seconds)
    # A retry error with a message takes what it always took.
    countdown: Any = "5"
    assert RetryError(countdown, "later").countdown == "5"

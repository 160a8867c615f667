"""The root error and those that cross process borders."""

import pickle

from lapinq_core.domain.errors import InvalidValue, LapinqError, RetryError


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

import pickle
from typing import Any

import pytest

from lapinq import errors

WITH_ARGUMENTS = {
    "InvalidValue": ("percent", "must be a number"),
    "RateLimited": ("openai", 5),
    "TimeLimit": (5,),
}


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_a_lapinq_error_with_a_message(name: str) -> None:
    error = getattr(errors, name)(*WITH_ARGUMENTS.get(name, ()))
    # A time limit passes by `except Exception`, as it must.
    assert isinstance(error, errors.LapinqError) != isinstance(error, errors.TimeLimit)
    assert str(error)


@pytest.mark.parametrize(
    ("kind", "is_a", "facts"),
    [
        (errors.RequestRefused, Exception, {"status_code": 400, "error": "bad", "details": [{"loc": "a"}]}),
        (errors.ServerUnavailable, ConnectionError, {"url": "http://x", "may_have_arrived": False}),
        (errors.ResultTimeout, TimeoutError, {"task_id": "7", "status": "running"}),
    ],
)
def test_an_error_keeps_its_facts_in_another_process_and_is_caught_as_a_standard_one(
    kind: Any, is_a: type[Exception], facts: dict[str, Any]
) -> None:
    copy: Exception = pickle.loads(pickle.dumps(kind("no", **facts)))
    assert (str(copy), isinstance(copy, is_a)) == ("no", True)
    assert vars(copy).items() >= facts.items()

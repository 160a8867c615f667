import pickle

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


def test_errors_keep_their_facts_in_another_process() -> None:
    refused = errors.RequestRefused("no", status_code=400, error="bad", details=[{"loc": "a", "msg": "b"}])
    copy = pickle.loads(pickle.dumps(refused))
    assert (str(copy), copy.status_code, copy.error, copy.details) == ("no", 400, "bad", refused.details)
    away = pickle.loads(
        pickle.dumps(errors.ServerUnavailable("gone", url="http://x", may_have_arrived=False))
    )
    assert (str(away), away.url, away.may_have_arrived) == ("gone", "http://x", False)
    late = pickle.loads(pickle.dumps(errors.ResultTimeout("late", task_id="7", status="running")))
    assert (str(late), late.task_id, late.status) == ("late", "7", "running")


def test_the_standard_errors_catch_ours() -> None:
    with pytest.raises(ConnectionError):
        raise errors.ServerUnavailable
    with pytest.raises(TimeoutError):
        raise errors.ResultTimeout

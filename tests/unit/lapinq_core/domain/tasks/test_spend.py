"""What `current_task().spend` takes."""

import math
from typing import Any

import pytest

from lapinq.testing import running_as
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.context import current_task
from lapinq_worker.running.spends import MAX_SPENDS


@pytest.mark.parametrize(
    ("limit", "units", "loc"),
    [
        ("a,b", 1, "limit"),
        ("", 1, "limit"),
        (5, 1, "limit"),
        ("a", -1, "units"),
        ("a", math.nan, "units"),
        ("a", math.inf, "units"),
        ("a", True, "units"),
        ("a", "1", "units"),
    ],
)
def test_a_wrong_value_names_its_argument(limit: Any, units: Any, loc: str) -> None:
    with running_as() as task:
        with pytest.raises(InvalidValue) as refused:
            current_task().spend(limit, units)
        assert refused.value.loc == loc
        assert task.spent == {}


def test_an_attempt_uses_a_bounded_number_of_limits() -> None:
    with running_as() as task:
        for n in range(MAX_SPENDS):
            current_task().spend(f"limit-{n}", n)
        current_task().spend("limit-0", 7)
        with pytest.raises(InvalidValue):
            current_task().spend("one-more", 1)
        assert (len(task.spent), task.spent["limit-0"]) == (MAX_SPENDS, 7)

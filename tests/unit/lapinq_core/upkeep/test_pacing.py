"""When a maintenance job is due again after a pass."""

import time

import pytest

from lapinq_core.upkeep.duty import Duty
from lapinq_core.upkeep.pacing import Job, paced


@pytest.mark.parametrize(
    ("returned", "rest", "pauses"),
    [
        (None, 0.0, (0.001, 0.001)),
        (0.005, 0.0, (0.005, 0.005)),
        (None, 100.0, (0.2, 59.0)),
        (None, 1e9, (60.0, 60.0)),
        (0.0, 100.0, (0.0, 0.0)),
        (0.005, 1e9, (0.005, 0.005)),
    ],
)
async def test_a_pass_that_took_long_is_followed_by_a_rest_unless_it_names_its_pause(
    returned: float | None, rest: float, pauses: tuple[float, float]
) -> None:
    async def call() -> float | None:
        time.sleep(0.002)  # noqa: ASYNC251  # so long it takes
        return returned

    shortest, longest = pauses
    turn = paced(Job("chore", 0.001, call, rest=rest), Duty(), lambda: 1)
    assert shortest <= await turn() <= longest

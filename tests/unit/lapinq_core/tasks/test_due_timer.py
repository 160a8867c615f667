"""When the timer for delayed tasks rings."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from lapinq_core.tasks.due_notices import DueTimer


def seconds_until_it_rings(tell: Callable[[DueTimer], None]) -> float:
    async def main() -> float:
        timer = DueTimer()
        began = asyncio.get_running_loop().time()
        tell(timer)
        async with asyncio.timeout(5):
            await timer.fired.wait()
        return asyncio.get_running_loop().time() - began

    return uvloop.run(main())  # as in our programs


def test_it_rings_when_a_task_is_due_and_not_before() -> None:
    assert 0.09 <= seconds_until_it_rings(lambda timer: timer.heard("0.1")) < 1


@pytest.mark.parametrize("payload", ["", "0", "-3"])
def test_what_was_missed_or_is_due_already_rings_at_once(payload: str) -> None:
    assert seconds_until_it_rings(lambda timer: timer.heard(payload)) < 0.5


def test_one_that_is_due_at_once_may_be_followed_by_another() -> None:
    def tell(timer: DueTimer) -> None:
        for payload in ("", "0.5", "", "0"):
            timer.heard(payload)

    assert seconds_until_it_rings(tell) < 0.4


@pytest.mark.parametrize("order", [("0.9", "0.1"), ("0.1", "0.9")])
def test_the_first_that_is_due_counts(order: tuple[str, str]) -> None:
    def tell(timer: DueTimer) -> None:
        for payload in order:
            timer.heard(payload)

    assert 0.09 <= seconds_until_it_rings(tell) < 0.8


@pytest.mark.parametrize("payload", ["60", "1e9", "inf", "nan", "soon", "1;2"])
def test_what_is_due_later_and_what_is_no_time_ring_nothing(payload: str) -> None:
    def tell(timer: DueTimer) -> None:
        timer.heard(payload)
        timer.fire_in(0.1)

    assert 0.09 <= seconds_until_it_rings(tell) < 1

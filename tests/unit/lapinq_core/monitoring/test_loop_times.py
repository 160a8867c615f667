"""How far loops are behind: by their turns, as a `Loop` makes them, and by what the gauge says of them."""

import asyncio
from collections.abc import Awaitable, Callable

from lapinq_core.monitoring.loop_times import LoopTimes
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.loops import Loop, stop_all
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually_async


def lag(times: LoopTimes) -> float | None:
    metrics = Metrics()
    metrics.show(times)
    return Scraped(metrics.text()[0].decode()).value("lapinq_chore_lag_seconds", part="worker", chore="chore")


def while_it_runs(turn: Callable[[], Awaitable[None]], check: Callable[[LoopTimes], Awaitable[None]]) -> None:
    """Runs `check` beside a loop with this turn, which pauses for an hour."""

    async def main() -> None:
        async def hourly() -> float:
            await turn()
            return 3600.0

        times = LoopTimes("worker")
        loop = Loop("chore", hourly, observe=times.of("chore"))
        loop.start()
        try:
            await check(times)
        finally:
            await stop_all([loop])

    asyncio.run(main())


async def grows(times: LoopTimes) -> None:
    before = lag(times)
    assert before is not None

    async def has_grown() -> bool:
        return (lag(times) or 0) > before + 0.1

    await eventually_async(has_grown)


def test_a_loop_lags_from_when_its_next_turn_was_to_begin_unless_it_is_being_stopped() -> None:
    times = LoopTimes("worker")
    observe = times.of("chore")
    assert 0 <= (lag(times) or 0) < 1
    observe(0.1, 60.0)
    assert lag(times) == 0
    observe(0.1, -5.0)
    assert 5 <= (lag(times) or 0) < 6
    times.end()
    observe(0.1, 1.0)
    assert lag(times) is None


def test_a_loop_whose_turn_does_not_end_lags_more_and_more() -> None:
    async def turn() -> None:
        await asyncio.Event().wait()

    while_it_runs(turn, grows)


def test_a_loop_whose_turns_fail_lags_more_and_more_until_one_succeeds() -> None:
    fails = True

    async def turn() -> None:
        if fails:
            raise ValueError("no")

    async def check(times: LoopTimes) -> None:
        nonlocal fails
        await grows(times)
        fails = False

        async def is_level() -> bool:
            return lag(times) == 0

        await eventually_async(is_level)

    while_it_runs(turn, check)

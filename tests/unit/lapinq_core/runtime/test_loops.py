"""A `Loop` goes on whatever a turn does, and stops when it is told to."""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Never

import pytest

from lapinq_core.runtime.loops import Loop, Service, pause_for, stop_all, succeed
from tests.support.event_loops import own_tasks

Turn = Callable[[], Awaitable[float]]


def run(
    turn: Turn,
    stop: asyncio.Event,
    **options: float | asyncio.Event | Callable[[Exception], bool] | Callable[[float, float | None], None],
) -> None:
    async def main() -> None:
        async with asyncio.timeout(10):
            await Loop("chore", turn, until=stop, **options).run()  # pyright: ignore[reportArgumentType]
        await asyncio.sleep(0)  # cancelled tasks take a turn of the loop to end
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def turns_until(stop: asyncio.Event, count: int, then: Callable[[int], float | None]) -> Turn:
    """A turn that does `then` with its number, and stops the loop in the `count`th. Without a pause from `then` the
    next one follows at once."""
    done = 0

    async def turn() -> float:
        nonlocal done
        done += 1
        if done == count:
            stop.set()
        return then(done) or 0.0

    return turn


def is_os_error(error: Exception) -> bool:
    return isinstance(error, OSError)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were to be made; none is."""
    made: list[float] = []

    async def remember(seconds: float, *_: asyncio.Event) -> None:
        made.append(seconds)

    monkeypatch.setattr("lapinq_core.runtime.loops.pause_for", remember)
    return made


def test_it_turns_until_it_is_stopped_and_not_once_if_that_was_before() -> None:
    stop, seen = asyncio.Event(), list[int]()
    run(turns_until(stop, 5, seen.append), stop)
    assert seen == [1, 2, 3, 4, 5]
    run(turns_until(stop, 5, seen.append), stop)
    assert len(seen) == 5


def test_a_pause_ends_when_the_loop_is_woken_but_not_before_its_floor() -> None:
    stop, wake, turned = asyncio.Event(), asyncio.Event(), list[float]()

    def look(n: int) -> float:
        turned.append(time.monotonic())
        if n < 3:
            wake.set()  # while the turn is under way: it may have missed what this is about
        return 3600.0 if n < 3 else 0.0

    run(turns_until(stop, 4, look), stop, wake=wake, floor=0.01)
    assert len(turned) == 4
    assert all(later - earlier >= 0.009 for earlier, later in itertools.pairwise(turned[:3]))


def test_waking_shortens_no_pause_after_a_failure() -> None:
    stop, wake, seen = asyncio.Event(), asyncio.Event(), list[float]()

    def fail(_: int) -> None:
        seen.append(time.monotonic())
        wake.set()
        raise ValueError("no")

    run(turns_until(stop, 2, fail), stop, wake=wake)
    assert seen[1] - seen[0] >= 0.19


def test_it_survives_what_a_turn_raises_and_logs_each_traceback_once(
    caplog: pytest.LogCaptureFixture, pauses: list[float]
) -> None:
    stop = asyncio.Event()

    def fail(n: int) -> None:
        raise ValueError("a bug" if n < 3 else "another bug")

    run(turns_until(stop, 3, fail), stop)
    levels = [logging.ERROR, logging.WARNING, logging.ERROR]
    assert [record.levelno for record in caplog.records] == levels
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, True]
    assert caplog.messages[:2] == [
        "chore failed; trying again in 0.2 s",
        "chore: ValueError: a bug; trying again in 0.4 s",
    ]


def test_an_expected_failure_is_told_in_one_line(
    caplog: pytest.LogCaptureFixture, pauses: list[float]
) -> None:
    stop = asyncio.Event()

    def fail_once(n: int) -> None:
        if n == 1:
            raise OSError("the cable is out")

    run(turns_until(stop, 2, fail_once), stop, expected=is_os_error)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "chore: OSError: the cable is out; trying again in 0.2 s"
    assert record.exc_info is None


def test_the_pause_after_failures_grows_and_success_resets_it(pauses: list[float]) -> None:
    stop = asyncio.Event()

    def fail_but_once(n: int) -> float:
        if n != 7:
            raise OSError
        return 42.0

    run(turns_until(stop, 8, fail_but_once), stop)
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 42.0, 0.2]


def test_a_turn_that_hangs_is_ended_at_its_deadline(caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()
    cancelled: list[bool] = []

    async def turn() -> float:
        if cancelled:
            stop.set()
            return 0.0
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return 0.0

    run(turn, stop, deadline=0.05)
    assert cancelled == [True]
    assert "chore failed" in caplog.text


@pytest.mark.parametrize("has_wake", [False, True])
async def test_a_stop_ends_the_pause_at_once(has_wake: bool) -> None:
    stop, turned = asyncio.Event(), asyncio.Event()

    async def turn() -> float:
        turned.set()
        return 60.0

    wake = asyncio.Event() if has_wake else None
    loop = asyncio.create_task(Loop("chore", turn, until=stop, wake=wake).run())
    await turned.wait()
    stop.set()
    async with asyncio.timeout(5):
        await loop


async def test_a_service_can_be_stopped_twice_and_waited_for() -> None:
    began, ends = asyncio.Event(), list[bool]()

    async def turn() -> float:
        began.set()
        await asyncio.Event().wait()
        return 0.0

    loop = Loop("chore", turn)
    loop.start(on_ended=lambda: ends.append(True))
    await began.wait()
    for _ in range(2):
        loop.stop()
    async with asyncio.timeout(5):
        await loop.wait()
        await stop_all([loop])
    assert ends == [True]
    assert loop.error is None


async def test_a_service_that_was_stopped_before_its_start_never_runs_and_one_that_fails_says_so() -> None:
    async def fail() -> Never:
        raise ValueError("a bug")

    loop, ended = Loop("chore", fail), asyncio.Event()
    loop.stop()
    loop.start()
    await loop.wait()
    assert not own_tasks()
    service = Service("chore", fail)
    service.start(on_ended=ended.set)
    assert service.error is None
    await ended.wait()
    await service.wait()
    assert str(service.error) == "a bug"


async def test_services_are_stopped_together_within_a_time_and_a_second_stop_leaves_them_alone() -> None:
    may_end, ends = asyncio.Event(), list[bool]()

    async def go_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
            ends.append(True)

    services = [Service("first", go_on), Service("second", go_on)]
    for service in services:
        service.start()
    await asyncio.sleep(0)
    await stop_all(services, 0.01)
    assert not ends
    may_end.set()
    await stop_all(services)
    assert ends == [True, True]


async def test_a_call_is_repeated_until_it_succeeds_or_is_stopped(
    caplog: pytest.LogCaptureFixture, pauses: list[float]
) -> None:
    calls, stop = list[int](), asyncio.Event()

    async def call() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise OSError("the cable is out")

    await succeed("chore", call, expected=is_os_error)
    assert pauses == [0.2, 0.4]
    assert caplog.messages[0] == "chore: OSError: the cable is out; trying again in 0.2 s"
    calls.clear()

    async def stop_and_fail() -> None:
        stop.set()
        await call()

    for _ in range(2):
        await succeed("chore", stop_and_fail, until=stop)
    assert calls == [1]


@pytest.mark.parametrize("count", [1, 3])
async def test_a_pause_ends_with_any_of_its_events_and_else_after_its_time(count: int) -> None:
    events = [asyncio.Event() for _ in range(count)]
    started = time.monotonic()
    await pause_for(0.05, *events)
    assert time.monotonic() - started >= 0.049
    asyncio.get_running_loop().call_later(0.01, events[-1].set)
    async with asyncio.timeout(5):
        await pause_for(60.0, *events)
        await pause_for(60.0, *events)  # set already
    await asyncio.sleep(0)  # cancelled tasks take a turn of the loop to end
    assert not own_tasks()

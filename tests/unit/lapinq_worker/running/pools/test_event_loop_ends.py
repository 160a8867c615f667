"""Coroutines that are ended from outside: at their time limit, by an interruption, with the pool."""

import asyncio

import pytest

from lapinq_core.domain.tasks.context import current_task
from lapinq_core.domain.tasks.outcome import Completed, Interrupted, TimedOut, WorkerLost
from lapinq_worker.running.pools import event_loop
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops, own_tasks
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job, make_limited_job
from tests.unit.lapinq_worker.loop_coroutines import (
    CANCELLED_INSIDE,
    CLOSED,
    await_stubborn_task,
    begin,
    check_every_slot_works,
    forget,
    hold_resource,
    pool_of,
    raise_cancelled,
    swallow_and_fail,
    swallow_and_return,
)
from tests.unit.lapinq_worker.workbench import Workbench, coroutines, until

LATE = TimedOut(0.05)


@on_both_loops
async def test_a_coroutine_is_cancelled_at_its_time_limit() -> None:
    ended = list[str]()

    async def inner() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("inner")

    async def outer() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(inner())

    async with coroutines(limit=1, time_limit=0.05) as bench:
        outcomes = await bench.run(
            make_job(tasks.asleep, 60),
            make_job(tasks.aadd, 1, 1),
            make_job(outer),
            make_job(forget, "x"),  # resets a context variable
            make_job(swallow_and_fail),
            make_job(swallow_and_return),
            # The slot's task still carried the cancellation: a CancelledError of the next coroutine is its own.
            make_job(raise_cancelled),
        )
        assert outcomes == [LATE, Completed("2"), *[LATE] * 3, Completed('"late"'), CANCELLED_INSIDE]
        assert ended == ["inner"]
        await check_every_slot_works(bench)


@on_both_loops
async def test_each_task_has_its_own_time_limit_which_counts_from_its_own_start() -> None:
    async with coroutines(limit=4, time_limit=60) as bench:
        limits = (0.05, 0.3, 10 * 365 * 86400.0, None)
        jobs = [make_limited_job(tasks.asleep, limit, 60 if limit and limit < 1 else 0.4) for limit in limits]
        slept = Completed('"slept"')
        assert await bench.run(*jobs) == [LATE, TimedOut(0.3), slept, slept]
        for _, outcome, seconds in bench.settled:
            if isinstance(outcome, TimedOut):
                assert outcome.limit <= seconds < outcome.limit + 5
    async with coroutines(limit=1, time_limit=0.2) as bench:
        assert await bench.run(*[make_job(tasks.asleep, 0.08) for _ in range(4)]) == [slept] * 4


@on_both_loops
async def test_a_stubborn_coroutine_is_closed_or_left_behind_and_its_place_is_free() -> None:
    async with coroutines(limit=1, time_limit=0.05, time_limit_grace=0.1) as bench:
        await check_every_slot_works(bench)
        before = asyncio.all_tasks()
        CLOSED.clear()
        assert await bench.run(make_job(hold_resource)) == [LATE]
        assert CLOSED == ["opened", "closed"]
        await check_every_slot_works(bench)
        await until(lambda: len(asyncio.all_tasks()) == len(before))
        before = asyncio.all_tasks()
        assert await bench.run(make_job(await_stubborn_task)) == [LATE]
        await check_every_slot_works(bench)
        # The task that it started is nobody's any more. Taken out of the loop here, for the loop can't end it.
        for stray in asyncio.all_tasks() - before:
            coroutine = stray.get_coro()
            if getattr(coroutine, "__name__", "") == "stubborn":
                coroutine.close()  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
                stray.cancel()


@on_both_loops
async def test_an_interruption_gives_back_what_runs_and_what_is_on_its_way_to_a_slot() -> None:
    async with coroutines(limit=2) as bench:
        pool_of(bench).interrupt(Interrupted())  # leaves the idle alone
        await check_every_slot_works(bench)
        jobs = [make_job(tasks.asleep, 60), make_job(swallow_and_fail)]
        bench.dispatcher.offer(jobs)
        await until(lambda: bench.dispatcher.active == 2)
        await asyncio.sleep(0.01)
        pool_of(bench).interrupt(Interrupted())
        await until(lambda: all(bench.ends[job] for job in jobs))
        assert [bench.outcome(job) for job in jobs] == [Interrupted(), Interrupted()]
        await check_every_slot_works(bench)
        await asyncio.sleep(0.01)
        job = make_job(tasks.asleep, 60)
        bench.dispatcher.offer([job])
        pool_of(bench).interrupt(Interrupted())
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == Interrupted()


@on_both_loops
async def test_an_interruption_because_the_worker_is_lost_tells_the_coroutine() -> None:
    seen = list[bool]()

    async def look_when_cancelled() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append(current_task().lease_lost)

    async with coroutines(limit=1) as bench:
        for outcome, is_lost in ((Interrupted(), False), (WorkerLost("me"), True)):
            job = await begin(bench, look_when_cancelled)
            pool_of(bench).interrupt(outcome)
            await until(lambda job=job: bench.ends[job])
            assert bench.outcome(job) == outcome
            assert seen.pop() is is_lost


@on_both_loops
async def test_the_end_of_the_pool_ends_its_coroutines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "INTERRUPT_GRACE_SECONDS", 0.1)

    bench = Workbench(2)
    pool = event_loop.EventLoopPool(bench.dispatcher, 2, Limits())
    running = asyncio.create_task(pool.run())
    CLOSED.clear()
    bench.dispatcher.offer([make_job(hold_resource), make_job(tasks.asleep, 60)])
    await until(lambda: bench.dispatcher.active == 2 and CLOSED)
    running.cancel()
    await asyncio.wait([running])
    assert CLOSED == ["opened", "closed"]
    assert bench.settled == []
    await until(lambda: not own_tasks())

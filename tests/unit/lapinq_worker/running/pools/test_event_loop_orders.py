"""Coroutines that are told to stop, and what can be seen of them from outside: requests, limits, who has the loop."""

import asyncio
import contextlib
import time
import timeit

import msgspec
import pytest

from lapinq_core.domain.errors import NoTask
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.context import current_task
from lapinq_core.domain.tasks.outcome import Committed, Completed, Interrupted, TimedOut
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools import event_loop
from tests.support.event_loops import on_both_loops
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job, make_limited_job
from tests.unit.lapinq_worker.loop_coroutines import (
    CANCELLED,
    CLOSED,
    NULL,
    begin,
    cancel,
    cancel_own_task,
    check_every_slot_works,
    exit_program,
    hold_resource,
    pool_of,
    swallow_and_fail,
    swallow_and_return,
)
from tests.unit.lapinq_worker.workbench import coroutines, until


@on_both_loops
async def test_each_coroutine_and_what_it_leaves_on_the_loop_knows_its_own_task() -> None:
    ids = list[tuple[str, str]]()
    later = list[asyncio.Task[str]]()
    gate = asyncio.Event()

    async def note(job_id: str) -> None:
        ids.append((job_id, current_task().id))
        await asyncio.sleep(0)
        ids.append((job_id, current_task().id))
        ids.append((job_id, await asyncio.create_task(inner())))
        later.append(asyncio.create_task(say()))

    async def inner() -> str:
        await asyncio.sleep(0.001)
        return current_task().id

    async def say() -> str:
        await gate.wait()
        return current_task().id

    async with coroutines(limit=3) as bench:
        jobs = [make_job(note) for _ in range(20)]
        for job in jobs:
            job.claim.args = msgspec.Raw(msgspec.json.encode([job.claim.id]))
        assert await bench.run(*jobs) == [NULL] * 20
        gate.set()
        assert set(await asyncio.gather(*later)) == {job.claim.id for job in jobs}
    assert len(ids) == 60
    assert all(known == own for known, own in ids)
    with pytest.raises(NoTask):
        current_task()


@on_both_loops
async def test_a_coroutine_is_cancelled_on_request_whatever_it_comes_to() -> None:
    async with coroutines(limit=2) as bench:
        other = await begin(bench, tasks.asleep, 0.2)
        for function in (tasks.asleep, swallow_and_return, swallow_and_fail):
            job = await begin(bench, function, *([60] if function is tasks.asleep else []))
            assert not pool_of(bench).cancel(job.claim.id, "another token", CANCELLED)
            assert not pool_of(bench).cancel(new_id(), job.claim.token, CANCELLED)
            assert cancel(bench, job)
            assert job.is_cancelled
            await until(lambda job=job: bench.ends[job])
            assert bench.outcome(job) == CANCELLED
            assert not cancel(bench, job)
        await until(lambda: bench.ends[other])
        assert bench.outcome(other) == Completed('"slept"')
        assert not other.is_cancelled
        await check_every_slot_works(bench)
        await until(lambda: bench.dispatcher._parked)  # pyright: ignore[reportPrivateUsage]
        job = make_job(tasks.asleep, 60)
        bench.dispatcher.offer([job])
        cancel(bench, job)  # on its way to a slot
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == CANCELLED


@on_both_loops
async def test_a_request_that_comes_again_cancels_once() -> None:
    cancellations = list[str]()

    async def count() -> None:
        while len(cancellations) < 2:
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                cancellations.append("once more")
            else:
                return

    async with coroutines(limit=1) as bench:
        job = await begin(bench, count)
        for _ in range(3):
            assert cancel(bench, job)
            await asyncio.sleep(0.001)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == CANCELLED
        assert cancellations == ["once more"]


@on_both_loops
async def test_a_coroutine_that_ignores_a_request_is_left_behind() -> None:
    async with coroutines(limit=1, cancel_grace=0.1) as bench:
        CLOSED.clear()
        job = await begin(bench, hold_resource)
        assert cancel(bench, job)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == CANCELLED
        assert CLOSED == ["opened", "closed"]
        await check_every_slot_works(bench)


@on_both_loops
async def test_a_request_wins_over_the_time_limit_and_gives_no_more_time() -> None:
    async with coroutines(limit=1, time_limit_grace=0.2, cancel_grace=60) as bench:
        after = await begin(bench, tasks.stubborn, time_limit=0.05)
        await until(lambda: pool_of(bench).unsettled()[0][1] == TimedOut(0.05))
        assert cancel(bench, after)
        await until(lambda: bench.ends[after])
        before = await begin(bench, tasks.stubborn, time_limit=0.5)
        assert cancel(bench, before)
        await until(lambda: bench.ends[before])
        assert bench.outcomes == [CANCELLED] * 2


@on_both_loops
async def test_what_ended_itself_stays_ended() -> None:
    async def commit_and_wait(order: str | None) -> None:
        running[0].is_committed = True
        if order is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    running = list[Job]()

    async with coroutines(limit=1) as bench:
        for order in ("cancel", "time limit", None):
            running[:] = [make_limited_job(commit_and_wait, 0.2 if order == "time limit" else None, order)]
            bench.dispatcher.offer(running)
            await until(lambda: running[0].is_committed)
            if order == "cancel":
                cancel(bench, running[0])
            await until(lambda: bench.ends[running[0]])
        assert bench.outcomes == [Committed()] * 3


async def test_one_look_at_thousands_of_slots_is_short() -> None:
    async with coroutines(limit=3_000) as bench:
        jobs = [make_job(tasks.asleep, 0.5) for _ in range(3_000)]
        bench.dispatcher.offer(jobs)
        await until(lambda: all(job.started for job in jobs))
        look = pool_of(bench)._check_slots  # pyright: ignore[reportPrivateUsage]
        seconds = min(timeit.repeat(look, timer=time.thread_time, number=1, repeat=5))
        # Five times a second: six tenths of a millisecond are 0.3 percent. Ten times as much would still be bearable.
        assert seconds < 0.006
        await until(lambda: len(bench.settled) == 3_000)


@on_both_loops
async def test_the_job_that_has_the_loop_is_known_from_outside() -> None:
    stepped = list[Job | None]()

    async def look() -> None:
        stepped.append(bench_pool[0].current)
        await asyncio.sleep(0)
        stepped.append(bench_pool[0].current)
        await asyncio.sleep(0.01)
        stepped.append(bench_pool[0].current)

    bench_pool = list[event_loop.EventLoopPool]()

    async with coroutines(limit=2) as bench:
        bench_pool[:] = [pool_of(bench)]
        job = make_job(look)
        await bench.run(job)
        assert stepped == [job] * 3
        await bench.run(make_job(tasks.afail, "x"), make_job(exit_program), make_job(cancel_own_task))
        assert pool_of(bench).current is None


@on_both_loops
async def test_what_is_held_is_told_with_what_it_would_end_as() -> None:
    async with coroutines(limit=3, time_limit=60, time_limit_grace=0.5) as bench:
        plain = await begin(bench, tasks.asleep, 0.3)
        late = await begin(bench, tasks.stubborn, time_limit=0.01)
        await until(lambda: TimedOut(0.01) in [outcome for _, outcome, _ in pool_of(bench).unsettled()])
        unsettled = {job: outcome for job, outcome, _ in pool_of(bench).unsettled()}
        assert unsettled == {plain: Interrupted(), late: TimedOut(0.01)}
        await until(lambda: len(bench.settled) == 2)
        assert pool_of(bench).unsettled() == []

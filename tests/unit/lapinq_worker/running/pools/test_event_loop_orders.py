"""Coroutines that are told to stop, and what can be seen of them from outside: requests, limits, who has the loop."""

import asyncio
import contextlib
import contextvars
import time
import timeit
from typing import Any

import msgspec
import pytest

from lapinq_core.domain.errors import NoTask
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.context import current_task
from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_core.domain.tasks.outcome import (
    Committed,
    Completed,
    Interrupted,
    TimedOut,
    Unretryable,
    Unstorable,
)
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
    cancel_own_task,
    check_every_slot_works,
    exit_program,
    hold_resource,
    pool_of,
    say_much,
    swallow_and_fail,
    swallow_and_return,
)
from tests.unit.lapinq_worker.workbench import coroutines, until

variable = contextvars.ContextVar("variable", default="unset")


@on_both_loops
async def test_each_coroutine_knows_its_own_task() -> None:
    ids = list[tuple[str, str]]()

    async def note(job_id: str) -> None:
        ids.append((job_id, current_task().id))
        await asyncio.sleep(0)
        ids.append((job_id, current_task().id))
        ids.append((job_id, await asyncio.create_task(inner())))

    async def inner() -> str:
        await asyncio.sleep(0.001)
        return current_task().id

    async with coroutines(limit=3) as bench:
        jobs = [make_job(note) for _ in range(20)]
        for job in jobs:
            job.claim.args = msgspec.Raw(msgspec.json.encode([job.claim.id]))
        assert await bench.run(*jobs) == [NULL] * 20
    assert len(ids) == 60
    assert all(known == own for known, own in ids)
    with pytest.raises(NoTask):
        current_task()


@on_both_loops
async def test_a_task_left_on_the_loop_goes_on_knowing_where_it_came_from() -> None:
    async def leave_behind() -> None:
        later.append(asyncio.create_task(say()))

    async def say() -> str:
        await gate.wait()
        return current_task().id

    later = list[asyncio.Task[str]]()
    gate = asyncio.Event()

    async with coroutines(limit=1) as bench:
        first = make_job(leave_behind)
        await bench.run(first, make_job(tasks.aadd, 1, 1))
        gate.set()
        assert await later[0] == first.claim.id


@on_both_loops
async def test_what_the_decorator_says_of_failures_counts() -> None:
    async with coroutines(limit=1, max_result_size=10) as bench:
        refused = make_job(tasks.afail, "no")
        refused.target.handling = Handling(no_retry_for=(ValueError,))
        failed, big = await bench.run(refused, make_job(say_much))
        assert isinstance(failed, Unretryable)
        assert isinstance(big, Unstorable)


@on_both_loops
async def test_a_coroutine_is_cancelled_on_request() -> None:
    async with coroutines(limit=2) as bench:
        job, other = await begin(bench, tasks.asleep, 60), await begin(bench, tasks.asleep, 0.2)
        assert not pool_of(bench).cancel(job.claim.id, "another token", CANCELLED)
        assert not pool_of(bench).cancel(new_id(), job.claim.token, CANCELLED)
        assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        assert job.is_cancelled
        await until(lambda: bench.ends[job] and bench.ends[other])
        assert bench.outcome(job) == CANCELLED
        assert bench.outcome(other) == Completed('"slept"')
        assert not other.is_cancelled
        assert not pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        await check_every_slot_works(bench)


@on_both_loops
@pytest.mark.parametrize("function", [swallow_and_return, swallow_and_fail])
async def test_after_a_request_a_coroutine_is_cancelled_whatever_it_comes_to(function: Any) -> None:
    async with coroutines(limit=1) as bench:
        job = await begin(bench, function)
        assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == CANCELLED
        await check_every_slot_works(bench)


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
            assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
            await asyncio.sleep(0.001)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == CANCELLED
        assert cancellations.copy() == ["once more"]
        cancellations.clear()


@on_both_loops
async def test_a_request_reaches_a_job_on_its_way_to_a_slot() -> None:
    async with coroutines(limit=1) as bench:
        await check_every_slot_works(bench)
        await until(lambda: bench.dispatcher._parked)  # pyright: ignore[reportPrivateUsage]
        job = make_job(tasks.asleep, 60)
        bench.dispatcher.offer([job])
        pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == CANCELLED


@on_both_loops
async def test_a_coroutine_that_ignores_a_request_is_left_behind() -> None:
    async with coroutines(limit=1, cancel_grace=0.1) as bench:
        CLOSED.clear()
        job = await begin(bench, hold_resource)
        assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == CANCELLED
        assert CLOSED == ["opened", "closed"]
        await check_every_slot_works(bench)


@on_both_loops
async def test_a_request_after_the_time_limit_wins_and_gives_no_more_time() -> None:
    async with coroutines(limit=1, time_limit=0.05, time_limit_grace=0.3, cancel_grace=60) as bench:
        job = await begin(bench, tasks.stubborn)
        await until(lambda: pool_of(bench).unsettled()[0][1] == TimedOut(0.05))
        assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == CANCELLED


@on_both_loops
async def test_a_request_just_before_the_time_limit_gives_no_more_time_than_the_limit() -> None:
    async with coroutines(limit=1, time_limit=0.5, time_limit_grace=0.1, cancel_grace=60) as bench:
        job = await begin(bench, tasks.stubborn)
        assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == CANCELLED


@on_both_loops
@pytest.mark.parametrize("order", ["cancel", "time limit", None])
async def test_what_ended_itself_stays_ended(order: str | None) -> None:
    async def commit_and_wait() -> None:
        (job,) = running
        job.is_committed = True
        if order is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    running = list[Job]()

    async with coroutines(limit=1, time_limit=0.2 if order == "time limit" else 60) as bench:
        running[:] = [make_job(commit_and_wait)]
        bench.dispatcher.offer(running)
        await until(lambda: running[0].is_committed)
        if order == "cancel":
            pool_of(bench).cancel(running[0].claim.id, running[0].claim.token, CANCELLED)
        await until(lambda: bench.ends[running[0]])
        assert bench.outcomes == [Committed()]


@on_both_loops
async def test_each_task_has_its_own_time_limit() -> None:
    async with coroutines(limit=4, time_limit=60) as bench:
        limits = (0.05, 0.5, 10 * 365 * 86400.0, None)
        jobs = [make_limited_job(tasks.asleep, limit, 60 if limit and limit < 1 else 0.7) for limit in limits]
        slept = Completed('"slept"')
        assert await bench.run(*jobs) == [TimedOut(0.05), TimedOut(0.5), slept, slept]
        for _, outcome, seconds in bench.settled:
            if isinstance(outcome, TimedOut):
                assert outcome.limit <= seconds < outcome.limit + 5


async def test_one_look_at_ten_thousand_slots_is_short() -> None:
    async with coroutines(limit=10_000) as bench:
        jobs = [make_job(tasks.asleep, 1) for _ in range(10_000)]
        bench.dispatcher.offer(jobs)
        await until(lambda: all(job.started for job in jobs))
        look = pool_of(bench)._check_slots  # pyright: ignore[reportPrivateUsage]
        seconds = min(timeit.repeat(look, timer=time.thread_time, number=1, repeat=5))
        # Five times a second: some two milliseconds are one percent. Ten times as much would still be bearable.
        assert seconds < 0.02
        await until(lambda: len(bench.settled) == 10_000)


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
        stepped.clear()
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

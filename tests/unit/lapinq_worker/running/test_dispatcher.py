"""The hand-over: in order, at most so many at once, and nothing is lost or started twice."""

import asyncio

from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Completed, Unstarted
from lapinq_worker.running.clocks import elapsed
from lapinq_worker.running.dispatcher import CHUNK_SECONDS, MAX_CHUNK
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.time_limits import Limits
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_claim, make_job
from tests.unit.lapinq_worker.workbench import Workbench, recording

DONE = Completed("null")


def coroutines(count: int) -> list[Job]:
    return [make_job(tasks.anoop) for _ in range(count)]


def plain(count: int) -> list[Job]:
    return [make_job(tasks.noop) for _ in range(count)]


def quick(count: int, seconds: float = 0.0001) -> list[Job]:
    """Jobs for one plain function that is known to take `seconds`."""
    target = Target(tasks.noop)
    target.run_time.measured(seconds)
    return [Job(make_claim(), target, Host(Limits())) for _ in range(count)]


def finish(bench: Workbench, job: Job) -> None:
    bench.dispatcher.ended(job, DONE, 0.1)
    bench.dispatcher.slot_freed()


async def test_coroutines_are_taken_in_order_up_to_the_limit_and_it_is_idle_when_none_runs() -> None:
    async with recording(limit=2) as (bench, _):
        dispatcher, jobs = bench.dispatcher, coroutines(3)
        dispatcher.offer(jobs)
        assert dispatcher.active == 0
        assert dispatcher.idle.is_set()
        assert [dispatcher.take() for _ in range(3)] == [jobs[0], jobs[1], None]
        assert (dispatcher.active, dispatcher.in_hand) == (2, 3)
        finish(bench, jobs[1])
        assert dispatcher.take() is jobs[2]
        for job in jobs[::2]:
            assert not dispatcher.idle.is_set()
            finish(bench, job)
        assert dispatcher.idle.is_set()
        assert dispatcher.ended_count == 3


async def test_plain_functions_go_to_the_pool_before_coroutines_behind_them_and_count_as_active() -> None:
    async with recording(limit=3) as (bench, chunks):
        one, other, last = plain(3)  # not measured yet, so one at a time
        (coroutine,) = coroutines(1)
        bench.dispatcher.offer([one, other, coroutine, last])
        assert chunks == [[one], [other]]
        assert bench.dispatcher.take() is coroutine
        assert bench.dispatcher.active == 3
        finish(bench, one)
        assert chunks == [[one], [other], [last]]


async def test_a_slot_that_waits_is_woken_by_an_offer() -> None:
    async with recording() as (bench, _):
        slots = [asyncio.create_task(bench.dispatcher.next()) for _ in range(2)]
        await asyncio.sleep(0)
        jobs = coroutines(2)
        bench.dispatcher.offer(jobs)
        assert await asyncio.gather(*slots) == jobs


async def test_a_job_goes_past_slots_that_are_gone_before_it_or_while_it_is_on_its_way() -> None:
    async with recording(limit=1) as (bench, _):
        first, second, there = (asyncio.create_task(bench.dispatcher.next()) for _ in range(3))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        (job,) = coroutines(1)
        bench.dispatcher.offer([job])
        second.cancel()
        assert await there is job
        assert bench.dispatcher.active == 1


async def test_nothing_starts_while_it_may_not() -> None:
    async with recording() as (bench, chunks):
        bench.may_start = False
        slot = asyncio.create_task(bench.dispatcher.next())
        await asyncio.sleep(0)
        jobs = [*plain(1), *coroutines(1)]
        bench.dispatcher.offer(jobs)
        assert (chunks, bench.dispatcher.active) == ([], 0)
        bench.may_start = True
        bench.dispatcher.start_what_fits()
        assert chunks == [jobs[:1]]
        assert await slot is jobs[1]


async def test_what_expired_while_it_waited_is_handed_back_unstarted() -> None:
    async with recording(limit=1) as (bench, chunks):
        target = Target(tasks.noop)
        late, next_one = (
            Job(make_claim(expires_in=seconds), target, Host(Limits()), elapsed()) for seconds in (-0.1, 60.0)
        )
        bench.dispatcher.offer([late, next_one])
        assert chunks == [[next_one]]
        assert bench.dispatcher.starts == [next_one.claim]
        assert bench.settled == [(late, Unstarted(), 0.0)]
        assert bench.dispatcher.active == 1


async def test_what_has_not_started_can_be_taken_out() -> None:
    async with recording(limit=1) as (bench, _):
        jobs = coroutines(3)
        bench.dispatcher.offer(jobs)
        assert bench.dispatcher.take() is jobs[0]
        assert bench.dispatcher.take_unstarted() == jobs[1:]
        assert bench.dispatcher.in_hand == 1
        finish(bench, jobs[0])
        assert bench.dispatcher.take() is None


async def test_it_says_when_it_runs_low() -> None:
    for low_water, calls in ((0, 1), (1, 2), (2, 3), (9, 3)):
        async with recording(limit=3) as (bench, chunks):
            bench.dispatcher.low_water = low_water
            bench.dispatcher.offer(plain(3))
            for (job,) in chunks[:]:
                finish(bench, job)
            assert bench.low_calls == calls, low_water


async def test_quick_functions_go_several_at_once_up_to_a_slow_one_or_a_coroutine() -> None:
    for jobs, sizes in (
        (quick(50, seconds=CHUNK_SECONDS / 10.5), [10, 10]),
        (quick(200, seconds=1e-7), [MAX_CHUNK] * 2),
        ([*quick(2), *quick(1, seconds=5.0), *quick(2)], [2, 1]),
        ([*quick(1, seconds=5.0), *quick(2)], [1, 2]),
        ([*quick(2), *coroutines(1), *quick(2)], [2]),
    ):
        async with recording(limit=2) as (bench, chunks):
            bench.dispatcher.offer(jobs)
            assert list(map(len, chunks)) == sizes
            assert [job for chunk in chunks for job in chunk] == jobs[: sum(sizes)]
            assert bench.dispatcher.active == len(sizes)  # each chunk counts as one


async def test_an_isolated_job_has_its_place_until_it_ends_or_is_taken_out() -> None:
    async with recording(limit=2) as (bench, _):
        ended, cancelled, released, refused = jobs = plain(4)
        for job in jobs:
            job.claim.isolation = Isolation.ISOLATED
        dispatcher = bench.dispatcher
        assert dispatcher.offer([ended, *plain(1), cancelled, released, refused]) == [released, refused]
        dispatcher.take_out(cancelled.claim.id, cancelled.claim.token)
        assert dispatcher.offer([released, refused]) == [refused]
        assert dispatcher.take_unstarted() == [released]
        finish(bench, ended)
        assert dispatcher.isolated_places == 2

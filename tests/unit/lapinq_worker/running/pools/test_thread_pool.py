"""Plain functions in threads: left behind at their limit, each begun once and told of once."""

import asyncio
import contextvars
import sys
import threading
import time
from collections import Counter
from typing import Any

import pytest

from lapinq_core.domain.tasks.context import current_task
from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Committed,
    Completed,
    Interrupted,
    Outcome,
    Raised,
    TimedOut,
    Unretryable,
    Unstarted,
    Unstorable,
)
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.pools.threads import ThreadPool
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.sample import tasks
from tests.support.tries import tries
from tests.unit.lapinq_worker.claims import make_claim, make_job, make_limited_job
from tests.unit.lapinq_worker.conftest import Run
from tests.unit.lapinq_worker.workbench import Workbench, threads, until

variable = contextvars.ContextVar("variable", default="unset")
NULL = Completed("null")
CANCELLED = Cancelled("stopped on request")


class Gate:
    """A function that waits until it is let through; `started` counts its calls."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.started = 0

    def __call__(self) -> str:
        self.started += 1
        assert self.open.wait(20)
        return "through"


def job_of(function: Any, seconds: float | None = None) -> Job:
    """A job for any callable; `seconds` is its measured run time."""
    target = Target(function)
    if seconds is not None:
        target.run_time.measured(seconds)
    return Job(make_claim(args=b"[]"), target, Host(Limits()))


def chunk_of(*functions: Any) -> list[Job]:
    """Jobs that are quick enough, by what was measured, to go in one chunk."""
    return [job_of(function, 1e-6) for function in functions]


def counting(count: int) -> tuple[list[Any], Counter[int]]:
    """That many functions, and which of them ran how often."""
    ran = Counter[int]()
    return [lambda n=n: ran.update([n]) for n in range(count)], ran


def pool_of(bench: Workbench) -> ThreadPool:
    assert isinstance(bench.pool, ThreadPool)
    return bench.pool


def cancel(bench: Workbench, job: Job) -> bool:
    return pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)


def halt(bench: Workbench) -> dict[Job, Outcome]:
    return {job: outcome for job, outcome, _ in pool_of(bench).halt()}


def remember() -> str:
    before = variable.get()
    variable.set("set")
    return before


async def check_a_place_is_free(bench: Workbench) -> None:
    assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]


async def test_functions_return_and_raise() -> None:
    async with threads(limit=1, max_result_size=10) as bench:
        refused = make_job(tasks.fail, "no")
        refused.target.handling = Handling(no_retry_for=(ValueError,))
        timed = job_of(lambda: threading.Event().wait(0.02))
        returned, wrapped, failed, exited, unretryable, big, _, *remembered = await bench.run(
            make_job(tasks.add, 1, 2),
            make_job(tasks.wrapped_aadd, 1, 2),
            make_job(tasks.fail, "no"),
            make_job(tasks.exit_program),
            refused,
            make_job(tasks.long_text, 20),
            timed,
            *[make_job(remember) for _ in range(3)],
        )
        assert returned == wrapped == Completed("3")
        assert isinstance(failed, Raised)
        assert failed.error == "ValueError: no"
        assert failed.traceback is not None
        assert failed.traceback.splitlines()[1].endswith("in fail")
        assert isinstance(exited, Raised)
        assert exited.error == "SystemExit: 3"
        assert isinstance(unretryable, Unretryable)
        assert isinstance(big, Unstorable)
        # No context variable leaks into the next call.
        assert remembered == [Completed('"unset"')] * 3
        (seconds,) = [seconds for job, _, seconds in bench.settled if job is timed]
        assert 0.02 <= seconds == timed.target.run_time.seconds < 1.0


@on_both_loops
async def test_as_many_run_at_once_as_there_are_places_in_threads_that_end_with_the_pool() -> None:
    before = threading.active_count()
    async with threads(limit=3) as bench:
        gates = [Gate() for _ in range(5)]
        bench.dispatcher.offer([job_of(gate) for gate in gates])
        await until(lambda: sum(gate.started for gate in gates) == 3)
        assert bench.dispatcher.in_hand == 5
        for gate in gates:
            gate.open.set()
        await until(lambda: len(bench.settled) == 5)
        assert bench.outcomes == [Completed('"through"')] * 5
        await bench.run(*[make_job(tasks.add, n, n) for n in range(100)])
        assert threading.active_count() <= before + 3
    await until(lambda: threading.active_count() <= before)


@on_both_loops
async def test_at_its_limit_a_function_is_left_behind_and_its_place_is_free() -> None:
    gate = Gate()
    others, ran = counting(5)
    async with threads(limit=1, time_limit=0.05, time_limit_grace=0.05) as bench:
        stuck, *rest = jobs = chunk_of(gate, *others)
        assert await bench.run(*jobs) == [TimedOut(0.05), *[NULL] * 5]
        assert stuck.is_lost
        assert not any(job.is_lost for job in rest)
        gate.open.set()
        # What it returns now is dropped; the bench fails when a job ends twice.
        await bench.run(*[make_job(tasks.add, 1, 1) for _ in range(20)])
    assert ran == Counter(range(5))


async def test_a_function_is_asked_to_stop_at_its_time_limit() -> None:
    def look() -> str:
        while not current_task().cancelled:
            time.sleep(0.002)
        return "stopped in time"

    def fail() -> None:
        look()
        raise ValueError("torn down")

    async with threads(limit=2, time_limit=0.05, time_limit_grace=60) as bench:
        slow = make_limited_job(tasks.sleep, 10 * 365 * 86400.0, 0.2)  # has a limit of its own
        assert await bench.run(job_of(look), job_of(fail), slow) == [
            Completed('"stopped in time"'),
            TimedOut(0.05),
            Completed('"slept"'),
        ]


async def test_each_call_knows_its_own_task() -> None:
    async with threads(limit=2) as bench:
        jobs = chunk_of(*[lambda: current_task().id for _ in range(20)])
        assert await bench.run(*jobs) == [Completed(f'"{job.claim.id}"') for job in jobs]


@on_both_loops
async def test_a_function_is_asked_to_stop_on_request_and_left_behind_if_it_does_not() -> None:
    def look() -> str:
        started.set()
        while not current_task().cancelled:
            time.sleep(0.002)
        return "whatever it returns"

    started, gate = threading.Event(), Gate()

    async with threads(limit=1, cancel_grace=0.5) as bench:
        looking, ignoring = job_of(look), job_of(gate)
        bench.dispatcher.offer([looking])
        await until(started.is_set)
        assert not pool_of(bench).cancel(looking.claim.id, "another token", CANCELLED)
        for _ in range(3):
            cancel(bench, looking)
        await until(lambda: bench.ends[looking])
        assert bench.outcomes == [CANCELLED]
        assert not looking.is_lost
        assert not cancel(bench, looking)
        bench.dispatcher.offer([ignoring])
        await until(lambda: gate.started)
        assert cancel(bench, ignoring)
        await check_a_place_is_free(bench)
        assert bench.outcome(ignoring) == CANCELLED
        assert ignoring.is_cancelled
        assert ignoring.is_lost
        gate.open.set()


async def test_a_request_takes_out_what_was_not_begun() -> None:
    gate = Gate()
    others, ran = counting(3)
    async with threads(limit=1) as bench:
        jobs = chunk_of(gate, *others)
        bench.dispatcher.offer(jobs)
        await until(lambda: gate.started)
        assert cancel(bench, jobs[2])
        assert bench.outcomes == [CANCELLED]
        gate.open.set()
        await until(lambda: len(bench.settled) == 4)
    assert ran == Counter([0, 2])


async def test_what_ended_itself_stays_ended() -> None:
    def commit() -> None:
        job.is_committed = True
        assert gate.open.wait(20)

    gate = Gate()
    job = job_of(commit)

    async with threads(limit=1) as bench:
        bench.dispatcher.offer([job])
        await until(lambda: job.is_committed)
        cancel(bench, job)
        gate.open.set()
        await until(lambda: bench.ends[job])
        assert bench.outcomes == [Committed()]


@on_both_loops
async def test_a_halt_returns_all_jobs_with_the_outcomes_they_would_get_and_begins_none() -> None:
    gate, alone = Gate(), Gate()
    others, ran = counting(3)
    async with threads(limit=2) as bench:
        first, *rest = jobs = chunk_of(gate, *others)
        cancelled = job_of(alone)
        bench.dispatcher.offer(jobs)
        bench.dispatcher.offer([cancelled])
        await until(lambda: gate.started and alone.started)
        cancel(bench, cancelled)
        assert halt(bench) == {
            first: Interrupted(),
            **dict.fromkeys(rest, Unstarted()),
            cancelled: CANCELLED,
        }
        assert first.is_lost
        assert not any(job.is_lost for job in rest)
        gate.open.set()
        alone.open.set()
        await until(lambda: len(bench.settled) == 5)
        assert [bench.outcome(job) for job in rest] == [Unstarted()] * 3
        assert halt(bench) == {}
        await check_a_place_is_free(bench)
    assert not ran


async def test_a_halt_misses_no_job_and_returns_none_twice() -> None:
    async with threads(limit=2) as bench:
        before, counts = sys.getswitchinterval(), Counter[type]()
        sys.setswitchinterval(1e-6)
        try:
            for turn in range(tries(1000)):
                jobs = chunk_of(*[tasks.noop] * 12)
                bench.dispatcher.offer(jobs)
                # The event loop is blocked here, and nothing is collected.
                for _ in range(turn % 100 * 100):
                    pass
                unsettled = pool_of(bench).halt()
                while any(outcome == Interrupted() for _, outcome, _ in unsettled):
                    assert Counter(job for job, _, _ in unsettled) == Counter(jobs)
                    unsettled = pool_of(bench).halt()
                assert Counter(job for job, _, _ in unsettled) == Counter(jobs)
                counts.update(type(outcome) for _, outcome, _ in unsettled)
                await until(lambda jobs=jobs: all(bench.ends[job] for job in jobs))
        finally:
            sys.setswitchinterval(before)
        assert counts.keys() == {Completed, Unstarted}


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Threads that can't be started, as long as there is something in it, which each takes one of."""
    left = list[str]()
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "lapinq task thread" and left:
            raise RuntimeError(left.pop())
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    return left


async def test_threads_that_can_not_be_started_cost_no_place(
    refusals: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    refusals[:] = ["can't start new thread"] * 4
    async with threads(limit=1, time_limit=0.2, time_limit_grace=0.05) as bench:
        jobs = [make_job(tasks.add, n, 1) for n in range(6)]
        assert await bench.run(*jobs) == [Completed(str(n + 1)) for n in range(6)]
        assert not refusals
        # The successor of a stuck function.
        jobs = chunk_of(gate, tasks.noop)
        bench.dispatcher.offer(jobs)
        await until(lambda: gate.started)
        refusals[:] = ["can't start new thread"] * 3
        await until(lambda: all(bench.ends[job] for job in jobs))
        assert [bench.outcome(job) for job in jobs] == [TimedOut(0.2), NULL]
        gate.open.set()
    assert "can't start a thread for tasks (can't start new thread)" in caplog.text


@on_both_loops
async def test_jobs_that_wait_for_a_thread_are_released(refusals: list[str]) -> None:
    refusals[:] = ["can't start new thread"] * 1000
    async with threads(limit=2) as bench:
        jobs = [make_job(tasks.add, n, 1) for n in range(2)]
        bench.dispatcher.offer(jobs)
        assert halt(bench) == dict.fromkeys(jobs, Unstarted())
        pool_of(bench).interrupt(Interrupted())
        assert bench.outcomes == [Unstarted()] * 2
        assert halt(bench) == {}
        refusals.clear()
        await check_a_place_is_free(bench)


@on_both_loops
async def test_an_interruption_gives_back_what_runs_and_what_was_not_begun() -> None:
    gate, alone = Gate(), Gate()
    others, ran = counting(3)
    async with threads(limit=2) as bench:
        jobs = chunk_of(gate, *others)
        bench.dispatcher.offer(jobs)
        bench.dispatcher.offer([job_of(alone)])
        await until(lambda: gate.started and alone.started)
        pool_of(bench).interrupt(Interrupted())
        await until(lambda: len(bench.settled) == 5)
        assert [bench.outcome(job) for job in jobs] == [Interrupted(), *[Unstarted()] * 3]
        gate.open.set()
        alone.open.set()
        await check_a_place_is_free(bench)
        pool_of(bench).interrupt(Interrupted())  # leaves the idle alone
        await check_a_place_is_free(bench)
    assert not ran


async def test_a_chunk_overtaken_by_an_interruption_is_not_begun() -> None:
    async with threads(limit=2) as bench:
        for _ in range(50):
            functions, ran = counting(5)
            jobs = chunk_of(*functions)
            bench.dispatcher.offer(jobs)
            pool_of(bench).interrupt(Interrupted())
            await until(lambda jobs=jobs: all(bench.ends[job] for job in jobs))
            assert [bench.outcome(job) for job in jobs].count(Unstarted()) == 5 - ran.total()


async def test_limits_that_fall_together_with_ends_start_and_settle_nothing_twice() -> None:
    starts = Counter[int]()

    def about_the_limit(number: int) -> None:
        starts[number] += 1
        threading.Event().wait(0.018 + number % 5 * 0.002)

    async with threads(limit=8, time_limit=0.02, time_limit_grace=0.0) as bench:
        jobs = [job_of(lambda n=n: about_the_limit(n), 1e-6) for n in range(200)]
        outcomes = await bench.run(*jobs)
    assert set(outcomes) <= {NULL, TimedOut(0.02)}
    assert starts == Counter(range(200))


def test_a_function_that_ends_after_the_loop_is_closed_harms_nobody(run: Run) -> None:
    gate = Gate()
    others = set(threading.enumerate())  # what an earlier test left behind may never end

    async def test() -> None:
        bench = Workbench(1)
        pool = ThreadPool(bench.dispatcher, Limits())
        bench.dispatcher.use(pool)
        running = asyncio.create_task(pool.run())
        await asyncio.sleep(0)  # cancelled before its first turn it would not let its threads go
        bench.dispatcher.offer([job_of(gate)])
        await until(lambda: gate.started)
        running.cancel()
        await asyncio.wait([running])

    crashes = list[object]()
    before, threading.excepthook = threading.excepthook, crashes.append
    try:
        run(test)
        gate.open.set()
        for thread in set(threading.enumerate()) - others:
            if thread.name == "lapinq task thread":
                thread.join(10)
    finally:
        threading.excepthook = before
    assert not crashes

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


def pool_of(bench: Workbench) -> ThreadPool:
    assert isinstance(bench.pool, ThreadPool)
    return bench.pool


def remember() -> str:
    before = variable.get()
    variable.set("set")
    return before


def exit_program() -> None:
    raise SystemExit(3)


def wrapped_coroutine(a: int, b: int) -> Any:
    """What a decorator leaves of a coroutine function when it is none itself."""
    return tasks.aadd(a, b)


@on_both_loops
async def test_functions_return_and_raise() -> None:
    async with threads() as bench:
        returned, failed, ended = await bench.run(
            make_job(tasks.add, 1, 2), make_job(tasks.fail, "no"), make_job(exit_program)
        )
        assert returned == Completed("3")
        assert isinstance(failed, Raised)
        assert failed.error == "ValueError: no"
        assert failed.traceback is not None
        assert failed.traceback.splitlines()[1].endswith("in fail")
        assert isinstance(ended, Raised)
        assert ended.error == "SystemExit: 3"


@on_both_loops
async def test_a_coroutine_behind_a_plain_function_is_run() -> None:
    async with threads() as bench:
        assert await bench.run(make_job(wrapped_coroutine, 1, 2)) == [Completed("3")]


@on_both_loops
async def test_context_variables_do_not_leak_into_the_next_call() -> None:
    async with threads(limit=1) as bench:
        assert await bench.run(*[make_job(remember) for _ in range(3)]) == [Completed('"unset"')] * 3


@on_both_loops
async def test_as_many_run_at_once_as_there_are_places() -> None:
    async with threads(limit=3) as bench:
        gates = [Gate() for _ in range(5)]
        bench.dispatcher.offer([job_of(gate) for gate in gates])
        await until(lambda: sum(gate.started for gate in gates) == 3)
        assert bench.dispatcher.in_hand == 5
        for gate in gates:
            gate.open.set()
        await until(lambda: len(bench.settled) == 5)
        assert bench.outcomes == [Completed('"through"')] * 5


@on_both_loops
async def test_threads_are_used_again() -> None:
    async with threads(limit=2) as bench:
        before = threading.active_count()
        await bench.run(*[make_job(tasks.add, n, n) for n in range(200)])
        assert threading.active_count() <= before + 2


@on_both_loops
async def test_at_its_limit_a_function_is_left_behind_and_its_place_is_free() -> None:
    gate = Gate()
    async with threads(limit=1, time_limit=0.05, time_limit_grace=0.05) as bench:
        stuck = job_of(gate)
        outcomes = await bench.run(stuck, make_job(tasks.add, 1, 1))
        assert outcomes == [TimedOut(0.05), Completed("2")]
        gate.open.set()
        # What it returns now is dropped; the bench fails when a job ends twice.
        await bench.run(*[make_job(tasks.add, 1, 1) for _ in range(20)])


@on_both_loops
async def test_what_was_handed_over_with_a_stuck_function_goes_on_elsewhere() -> None:
    gate, others = Gate(), Counter[int]()
    async with threads(limit=1, time_limit=0.05, time_limit_grace=0.05) as bench:
        jobs = chunk_of(gate, *[lambda n=n: others.update([n]) for n in range(5)])
        assert await bench.run(*jobs) == [TimedOut(0.05), *[NULL] * 5]
        gate.open.set()
        await bench.run(make_job(tasks.add, 1, 1))
    assert others == Counter(range(5))


@on_both_loops
async def test_a_function_is_asked_to_stop_at_its_time_limit() -> None:
    def look() -> str:
        while not current_task().cancelled:
            time.sleep(0.002)
        return "stopped in time"

    def fail() -> None:
        look()
        raise ValueError("torn down")

    async with threads(limit=2, time_limit=0.05, time_limit_grace=60) as bench:
        assert await bench.run(job_of(look), job_of(fail)) == [
            Completed('"stopped in time"'),
            TimedOut(0.05),
        ]


@on_both_loops
async def test_each_function_has_its_own_time_limit() -> None:
    async with threads(limit=2, time_limit=60, time_limit_grace=0.05) as bench:
        late = make_limited_job(tasks.sleep, 0.05, 1)
        slow = make_limited_job(tasks.sleep, 10 * 365 * 86400.0, 0.5)
        assert await bench.run(late, slow) == [TimedOut(0.05), Completed('"slept"')]
        assert late.is_lost
        assert not slow.is_lost


@on_both_loops
async def test_each_call_knows_its_own_task() -> None:
    async with threads(limit=2) as bench:
        jobs = chunk_of(*[lambda: current_task().id for _ in range(20)])
        assert await bench.run(*jobs) == [Completed(f'"{job.claim.id}"') for job in jobs]


@on_both_loops
async def test_what_the_decorator_says_of_failures_counts() -> None:
    async with threads(limit=1, max_result_size=10) as bench:
        refused, big = make_job(tasks.fail, "no"), make_job(tasks.long_text, 20)
        refused.target.handling = Handling(no_retry_for=(ValueError,))
        outcomes = await bench.run(refused, big)
        assert [type(outcome) for outcome in outcomes] == [Unretryable, Unstorable]


@on_both_loops
async def test_a_function_is_asked_to_stop_on_request() -> None:
    def look() -> str:
        started.set()
        while not current_task().cancelled:
            time.sleep(0.002)
        return "whatever it returns"

    started = threading.Event()

    async with threads(limit=1) as bench:
        job = job_of(look)
        bench.dispatcher.offer([job])
        await until(started.is_set)
        assert not pool_of(bench).cancel(job.claim.id, "another token", CANCELLED)
        for _ in range(3):
            pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        await until(lambda: bench.ends[job])
        assert bench.outcomes == [CANCELLED]
        assert not pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)


@on_both_loops
async def test_a_function_that_ignores_a_request_is_left_behind() -> None:
    gate = Gate()
    async with threads(limit=1, cancel_grace=0.05) as bench:
        job = job_of(gate)
        bench.dispatcher.offer([job])
        await until(lambda: gate.started)
        assert pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]
        assert bench.outcome(job) == CANCELLED
        assert job.is_cancelled
        assert job.is_lost
        gate.open.set()


@on_both_loops
async def test_a_request_takes_out_what_was_not_begun() -> None:
    gate, others = Gate(), Counter[int]()
    async with threads(limit=1) as bench:
        jobs = chunk_of(gate, *[lambda n=n: others.update([n]) for n in range(3)])
        bench.dispatcher.offer(jobs)
        await until(lambda: gate.started)
        assert pool_of(bench).cancel(jobs[2].claim.id, jobs[2].claim.token, CANCELLED)
        assert bench.outcomes == [CANCELLED]
        gate.open.set()
        await until(lambda: len(bench.settled) == 4)
    assert others == Counter([0, 2])


@on_both_loops
async def test_what_ended_itself_stays_ended() -> None:
    def commit() -> None:
        job.is_committed = True
        assert gate.open.wait(20)

    gate = Gate()
    job = job_of(commit)

    async with threads(limit=1) as bench:
        bench.dispatcher.offer([job])
        await until(lambda: job.is_committed)
        pool_of(bench).cancel(job.claim.id, job.claim.token, CANCELLED)
        gate.open.set()
        await until(lambda: bench.ends[job])
        assert bench.outcomes == [Committed()]


@on_both_loops
async def test_a_halt_returns_all_jobs_with_the_outcomes_they_would_get() -> None:
    gate, alone = Gate(), Gate()
    async with threads(limit=2) as bench:
        first, second = chunk_of(gate, tasks.noop)
        cancelled = job_of(alone)
        bench.dispatcher.offer([first, second])
        bench.dispatcher.offer([cancelled])
        await until(lambda: gate.started and alone.started)
        pool_of(bench).cancel(cancelled.claim.id, cancelled.claim.token, CANCELLED)
        unsettled = {job: outcome for job, outcome, _ in pool_of(bench).halt()}
        assert unsettled == {first: Interrupted(), second: Unstarted(), cancelled: CANCELLED}
        assert first.is_lost
        assert not second.is_lost
        gate.open.set()
        alone.open.set()
        await until(lambda: len(bench.settled) == 3)
        assert pool_of(bench).halt() == []


def test_a_halt_misses_no_job_and_returns_none_twice(run_on_uvloop: Run) -> None:
    async def test() -> None:
        async with threads(limit=2) as bench:
            before, counts = sys.getswitchinterval(), Counter[type]()
            sys.setswitchinterval(1e-6)
            try:
                for turn in range(1000):
                    jobs = chunk_of(*[tasks.noop] * 12)
                    bench.dispatcher.offer(jobs)
                    # The event loop is blocked here, and nothing is collected.
                    spin(turn % 100)
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

    def spin(times: int) -> None:
        for _ in range(times * 100):
            pass

    run_on_uvloop(test)


@on_both_loops
async def test_what_was_handed_over_is_not_begun_after_a_halt() -> None:
    gate, others = Gate(), Counter[int]()
    async with threads(limit=1) as bench:
        jobs = chunk_of(gate, *[lambda n=n: others.update([n]) for n in range(3)])
        bench.dispatcher.offer(jobs)
        await until(lambda: gate.started)
        assert {job: outcome for job, outcome, _ in pool_of(bench).halt()} == {
            jobs[0]: Interrupted(),
            **dict.fromkeys(jobs[1:], Unstarted()),
        }
        gate.open.set()
        await until(lambda: len(bench.settled) == 4)
        assert [bench.outcome(job) for job in jobs[1:]] == [Unstarted()] * 3
        assert not others
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]


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


def test_a_thread_that_can_not_be_started_costs_no_place(
    run: Run, refusals: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        refusals[:] = ["can't start new thread"] * 4
        async with threads(limit=2) as bench:
            jobs = [make_job(tasks.add, n, 1) for n in range(6)]
            assert await bench.run(*jobs) == [Completed(str(n + 1)) for n in range(6)]
        assert not refusals

    run(test)
    assert "can't start a thread for tasks (can't start new thread)" in caplog.text
    caplog.clear()


def test_a_stuck_function_whose_successor_can_not_be_started_keeps_no_place(
    run: Run, refusals: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        gate = Gate()
        async with threads(limit=1, time_limit=0.05, time_limit_grace=0.05) as bench:
            jobs = chunk_of(gate, tasks.noop)
            bench.dispatcher.offer(jobs)
            await until(lambda: gate.started)
            refusals[:] = ["can't start new thread"] * 3
            await until(lambda: len(bench.settled) == 2)
            assert [bench.outcome(job) for job in jobs] == [TimedOut(0.05), NULL]
            gate.open.set()

    run(test)
    caplog.clear()


def test_jobs_that_wait_for_a_thread_are_released(
    run: Run, refusals: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        refusals[:] = ["can't start new thread"] * 1000
        async with threads(limit=2) as bench:
            jobs = [make_job(tasks.add, n, 1) for n in range(2)]
            bench.dispatcher.offer(jobs)
            assert {job: outcome for job, outcome, _ in pool_of(bench).halt()} == dict.fromkeys(
                jobs, Unstarted()
            )
            pool_of(bench).interrupt(Interrupted())
            assert bench.outcomes == [Unstarted()] * 2
            assert pool_of(bench).halt() == []
            refusals.clear()
            assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]

    run(test)
    caplog.clear()


@on_both_loops
async def test_an_interruption_gives_back_what_runs_and_what_was_not_begun() -> None:
    gate, others = Gate(), Counter[int]()
    async with threads(limit=2) as bench:
        jobs = chunk_of(gate, *[lambda n=n: others.update([n]) for n in range(3)])
        alone = Gate()
        bench.dispatcher.offer(jobs)
        bench.dispatcher.offer([job_of(alone)])
        await until(lambda: gate.started and alone.started)
        pool_of(bench).interrupt(Interrupted())
        await until(lambda: len(bench.settled) == 5)
        assert [bench.outcome(job) for job in jobs] == [Interrupted(), *[Unstarted()] * 3]
        gate.open.set()
        alone.open.set()
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]
    assert not others


@on_both_loops
async def test_a_chunk_overtaken_by_an_interruption_is_not_begun() -> None:
    async with threads(limit=2) as bench:
        for _ in range(50):
            started = Counter[str]()
            jobs = chunk_of(*[lambda started=started: started.update(["x"]) for _ in range(5)])
            bench.dispatcher.offer(jobs)
            pool_of(bench).interrupt(Interrupted())
            await until(lambda jobs=jobs: all(bench.ends[job] for job in jobs))
            outcomes = [bench.outcome(job) for job in jobs]
            assert outcomes.count(Unstarted()) == 5 - started["x"]


@on_both_loops
async def test_an_interruption_leaves_the_idle_alone() -> None:
    async with threads() as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        pool_of(bench).interrupt(Interrupted())
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]


@on_both_loops
async def test_limits_that_fall_together_with_ends_start_and_settle_nothing_twice() -> None:
    starts = Counter[int]()

    def about_the_limit(number: int) -> None:
        starts[number] += 1
        threading.Event().wait(0.018 + number % 5 * 0.002)

    async with threads(limit=8, time_limit=0.02, time_limit_grace=0.0) as bench:
        jobs = [job_of(lambda n=n: about_the_limit(n), 1e-6) for n in range(200)]
        outcomes = await bench.run(*jobs)
    assert set(outcomes) <= {NULL, TimedOut(0.02)}
    assert set(starts.values()) == {1}
    assert len(starts) == 200


@on_both_loops
async def test_the_run_time_of_a_function_is_measured() -> None:
    async with threads() as bench:
        job = job_of(lambda: threading.Event().wait(0.02))
        await bench.run(job)
        assert 0.02 <= job.target.run_time.seconds < 1.0
        assert bench.settled[0][2] == job.target.run_time.seconds


@on_both_loops
async def test_threads_end_with_the_pool() -> None:
    before = threading.active_count()

    async with threads(limit=4) as bench:
        await bench.run(*[make_job(tasks.sleep, 0.01) for _ in range(8)])
    await until(lambda: threading.active_count() <= before)


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

"""Time limits of functions in child processes: told first, then killed, wherever they are."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Cancelled, Completed, TimedOut
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.sample import child_tasks, tasks
from tests.unit.lapinq_worker.claims import make_claim, make_job, make_limited_job
from tests.unit.lapinq_worker.running.pools.test_child_context import quick, value
from tests.unit.lapinq_worker.running.pools.test_process_pool import children_of, is_gone
from tests.unit.lapinq_worker.workbench import processes, until

SLACK_SECONDS = 5.0  # for a machine that does other things too
NEVER = 100.0


def limited(limit: float, function: Callable[..., Any], *args: Any) -> Job:
    return make_limited_job(function, limit, *args)


async def test_a_function_is_told_of_its_limit_and_may_still_return(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit_grace=NEVER) as bench:
        (before,) = await bench.run(make_job(tasks.process_id))
        job = limited(0.3, child_tasks.tidy_up, str(tmp_path / "a"))
        assert await bench.run(job) == [Completed('"tidied up at 0.3"')]
        # It came to its end in good order, so its process goes on.
        assert await bench.run(make_job(tasks.process_id)) == [before]


@pytest.mark.parametrize("function", [child_tasks.take_long, child_tasks.tidy_up_and_fail, tasks.sleep])
async def test_whatever_it_raises_then_is_the_time_limit(
    tmp_path: Path, function: Callable[..., Any]
) -> None:
    async with processes(limit=1, time_limit_grace=NEVER) as bench:
        argument: Any = 60 if function is tasks.sleep else str(tmp_path / "a")
        assert await bench.run(limited(0.3, function, argument)) == [TimedOut(0.3)]
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]


async def test_one_that_goes_on_is_killed_after_the_grace(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit_grace=0.5) as bench:
        started = time.monotonic()
        job = limited(0.3, child_tasks.ignore_limit, str(tmp_path / "a"))
        late, fine = await bench.run(job, make_job(tasks.add, 1, 1))
        assert (late, fine) == (TimedOut(0.3), Completed("2"))
        assert 0.7 < time.monotonic() - started < 0.8 + SLACK_SECONDS


async def test_without_a_grace_it_is_killed_at_once(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit_grace=0.0) as bench:
        job = limited(0.3, child_tasks.tidy_up, str(tmp_path / "a"))
        assert await bench.run(job) == [TimedOut(0.3)]


@pytest.mark.parametrize(
    "function", [child_tasks.hash_for_long, child_tasks.match_for_long, child_tasks.sleep_in_c]
)
async def test_code_stuck_in_c_ends_in_time_and_another_child_is_there(
    tmp_path: Path, function: Callable[..., Any]
) -> None:
    async with processes(limit=1) as bench:
        path = tmp_path / "pid"
        job = limited(0.5, function, str(path))
        bench.dispatcher.offer([job])
        await until(lambda: path.exists() and path.read_text())
        begun = time.monotonic()
        pid = int(path.read_text())
        assert not is_gone(pid)
        after = make_job(tasks.add, 1, 1)
        bench.dispatcher.offer([after])
        await until(lambda: is_gone(pid))
        gone = time.monotonic()
        assert gone - begun < 0.5 + 2.0
        await until(lambda: bench.ends[after])
        assert time.monotonic() - gone < 1.0 + SLACK_SECONDS
        assert bench.outcome(job) == TimedOut(0.5)


async def test_a_system_call_without_an_end_is_left() -> None:
    async with processes(limit=1, time_limit_grace=NEVER) as bench:
        assert await bench.run(limited(0.2, child_tasks.read_for_ever)) == [Completed('"TimeLimit"')]


@on_both_loops
async def test_one_that_logs_without_a_pause_is_told_too(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit_grace=NEVER) as bench:
        for n in range(5):
            job = limited(0.1, child_tasks.log_for_ever, str(tmp_path / str(n)))
            after = make_job(tasks.add, 1, 1)
            assert await bench.run(job, after) == [TimedOut(0.1), Completed("2")]


async def test_a_coroutine_in_a_child_is_cancelled(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit_grace=NEVER) as bench:
        job = limited(0.3, child_tasks.acatch_cancel, str(tmp_path / "a"))
        job.claim.isolation = Isolation.ISOLATED
        assert await bench.run(job) == [TimedOut(0.3)]
        assert (tmp_path / "a.cancelled").exists()


async def test_limits_never_hit_the_call_that_comes_next() -> None:
    # Each ends about when it reaches its limit; whatever comes in between must say nothing of a limit.
    async with processes(limit=2, time_limit_grace=NEVER) as bench:
        await bench.run(*[make_job(child_tasks.work_around, 0.05) for _ in range(2)])
        jobs = list[Job]()
        for n in range(60):
            jobs.append(quick(limited(0.02, child_tasks.work_around, 0.018 + n % 9 * 0.001)))
            jobs += [quick(make_job(tasks.add, n, 1)), quick(make_job(child_tasks.work_around, 0.001))]
        outcomes = await bench.run(*jobs)
        interrupted = 0
        for job, outcome in zip(jobs, outcomes, strict=True):
            if job.claim.timeout is None:
                assert value(outcome) != "interrupted"
            else:
                # It may be told before it has entered its `try`.
                interrupted += outcome == TimedOut(0.02) or value(outcome) == "interrupted"
        assert interrupted


async def test_a_signal_for_an_earlier_call_does_nothing(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit_grace=NEVER) as bench:
        pid = int(value((await bench.run(make_job(tasks.process_id)))[0]))
        assert await bench.run(limited(0.5, child_tasks.work_around, 5.0)) == [Completed('"interrupted"')]
        os.kill(pid, signal.SIGUSR2)  # while it is idle
        job = make_job(child_tasks.work_around, 0.5)
        bench.dispatcher.offer([job])
        while not bench.ends[job]:
            os.kill(pid, signal.SIGUSR2)
            await asyncio.sleep(0.001)
        assert bench.outcome(job) == Completed('"through"')


async def test_signals_in_every_place_of_a_child_leave_it_whole() -> None:
    async with processes(limit=1) as bench:
        pid = int(value((await bench.run(make_job(tasks.process_id)))[0]))
        jobs = [quick(make_job(tasks.add, n, 1)) for n in range(3000)]
        bench.dispatcher.offer(jobs)
        while len(bench.settled) <= len(jobs):
            os.kill(pid, signal.SIGUSR2)
            await asyncio.sleep(0)
        assert [bench.outcome(job) for job in jobs] == [Completed(str(n + 1)) for n in range(3000)]


async def test_forks_and_programs_have_the_usual_handlers() -> None:
    async with processes(limit=1) as bench:
        (told,) = map(value, await bench.run(make_job(child_tasks.handlers_in_fork)))
        assert told[0] == str(signal.SIG_DFL)
        assert "default_int_handler" in told[1]
        assert told[2:] == [str(signal.SIG_DFL), "0"]


async def test_a_function_that_takes_the_signal_away_is_timed_out_all_the_same(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        job = limited(0.2, child_tasks.reset_signal, str(tmp_path / "a"))
        assert await bench.run(job, make_job(tasks.add, 1, 1)) == [TimedOut(0.2), Completed("2")]


async def test_a_limit_counts_from_the_beginning_of_the_call() -> None:
    # The child is stopped before it can begin: that time is not the function's.
    async with processes(limit=1) as bench:
        pid = int(value((await bench.run(make_job(tasks.process_id)))[0]))
        os.kill(pid, signal.SIGSTOP)
        job = limited(0.3, tasks.sleep, 0.05)
        bench.dispatcher.offer([job])
        await until(lambda: time.perf_counter() - job.started > 0.6)  # twice its limit
        os.kill(pid, signal.SIGCONT)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == Completed('"slept"')


async def test_the_import_of_its_module_counts_against_the_workers_limit() -> None:
    async with processes(limit=1, time_limit_grace=0.0) as bench:
        claim = make_claim(task_name="quick", module_path="tests.support.sample.slow_module", timeout=0.5)
        claim.args = msgspec.Raw(b"[]")
        job = Job(claim, Target(tasks.noop), Host(Limits()))  # the child finds the function by its name
        assert await bench.run(job) == [Completed('"quick"')]


async def test_the_limit_of_one_that_was_cancelled_holds_as_well(tmp_path: Path) -> None:
    async with processes(limit=1, cancel_grace=NEVER, time_limit_grace=0.2) as bench:
        job = limited(0.5, child_tasks.ignore_limit, str(tmp_path / "a"))
        bench.dispatcher.offer([job])
        await until((tmp_path / "a").exists)
        pool: Any = bench.pool
        assert pool.cancel(job.claim.id, job.claim.token, Cancelled("asked"))
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == Cancelled("asked")
        assert len(children_of(os.getpid())) <= 1

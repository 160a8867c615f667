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

from lapinq_core.domain.tasks.outcome import Completed, TimedOut
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.sample import child_tasks, tasks
from tests.unit.lapinq_worker.claims import make_claim, make_job, make_limited_job
from tests.unit.lapinq_worker.running.pools.children import (
    ASKED,
    cancel,
    children,
    ended,
    is_gone,
    isolated,
    pid_of_child,
    quick,
    value,
)
from tests.unit.lapinq_worker.workbench import processes, until

SLACK_SECONDS = 5.0  # for a machine that does other things too
NEVER = 100.0


def limited(limit: float, function: Callable[..., Any], *args: Any) -> Job:
    return make_limited_job(function, limit, *args)


@on_both_loops
async def test_a_function_is_told_of_its_limit_and_whatever_it_raises_then_is_the_limit(
    tmp_path: Path,
) -> None:
    async with processes(limit=1, time_limit_grace=NEVER) as bench:
        before = await pid_of_child(bench)
        path = str(tmp_path / "a")
        assert await bench.run(limited(0.3, child_tasks.tidy_up, path)) == [Completed('"tidied up at 0.3"')]
        # It came to its end in good order, so its process goes on.
        assert await pid_of_child(bench) == before
        assert await bench.run(
            limited(0.3, child_tasks.take_long, path),
            limited(0.3, child_tasks.tidy_up_and_fail, path),
            limited(0.1, child_tasks.log_for_ever, path),  # without a pause
            limited(0.2, child_tasks.read_for_ever),  # in a system call without an end
            isolated(limited(0.3, child_tasks.acatch_cancel, path)),
        ) == [
            TimedOut(0.3),
            TimedOut(0.3),
            TimedOut(0.1),
            Completed('"TimeLimit"'),
            TimedOut(0.3),
        ]
        assert (tmp_path / "a.cancelled").exists()


async def test_one_that_goes_on_is_killed_after_the_grace(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit_grace=0.5, cancel_grace=NEVER) as bench:
        started = time.monotonic()
        job = limited(0.3, child_tasks.ignore_limit, str(tmp_path / "a"))
        late, fine = await bench.run(job, make_job(tasks.add, 1, 1))
        assert (late, fine) == (TimedOut(0.3), Completed("2"))
        assert 0.7 < time.monotonic() - started < 0.8 + SLACK_SECONDS
        # The limit of one that was cancelled holds as well; and so it does where the signal's handler is gone.
        cancelled = limited(0.5, child_tasks.ignore_limit, str(tmp_path / "b"))
        bench.dispatcher.offer([cancelled])
        await until((tmp_path / "b").exists)
        assert cancel(bench, cancelled)
        assert await ended(bench, cancelled) == [ASKED]
        assert await bench.run(limited(0.2, child_tasks.reset_signal, str(tmp_path / "c"))) == [TimedOut(0.2)]
        assert len(children()) <= 1


async def test_without_a_grace_it_is_killed_at_once_and_the_import_of_its_module_does_not_count(
    tmp_path: Path,
) -> None:
    async with processes(limit=1, time_limit_grace=0.0) as bench:
        claim = make_claim(task_name="quick", module_path="tests.support.sample.slow_module", timeout=0.5)
        claim.args = msgspec.Raw(b"[]")
        slow = Job(claim, Target(tasks.noop), Host(Limits()))  # the child finds the function by its name
        job = limited(0.3, child_tasks.tidy_up, str(tmp_path / "a"))
        assert await bench.run(slow, job) == [Completed('"quick"'), TimedOut(0.3)]


@pytest.mark.parametrize(
    "function", [child_tasks.hash_for_long, child_tasks.match_for_long, child_tasks.sleep_in_c]
)
async def test_code_stuck_in_c_ends_in_time_and_another_child_is_there(
    tmp_path: Path, function: Callable[..., Any]
) -> None:
    async with processes(limit=1) as bench:
        path = tmp_path / "pid"
        job, after = limited(0.5, function, str(path)), make_job(tasks.add, 1, 1)
        bench.dispatcher.offer([job, after])
        await until(lambda: path.exists() and path.read_text())
        begun = time.monotonic()
        pid = int(path.read_text())
        assert not is_gone(pid)
        await until(lambda: is_gone(pid))
        gone = time.monotonic()
        assert gone - begun < 0.5 + 2.0
        assert await ended(bench, job, after) == [TimedOut(0.5), Completed("2")]
        assert time.monotonic() - gone < 1.0 + SLACK_SECONDS


async def test_limits_never_hit_the_call_that_comes_next() -> None:
    # Each ends about when it reaches its limit; whatever comes in between must say nothing of a limit.
    async with processes(limit=2, time_limit_grace=NEVER) as bench:
        await bench.run(*[make_job(child_tasks.work_around, 0.05) for _ in range(2)])
        jobs = list[Job]()
        for n in range(30):
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


async def test_signals_for_an_earlier_call_and_in_every_place_of_a_child_do_nothing() -> None:
    async with processes(limit=1, time_limit_grace=NEVER) as bench:
        pid = await pid_of_child(bench)
        assert await bench.run(limited(0.3, child_tasks.work_around, 5.0)) == [Completed('"interrupted"')]
        os.kill(pid, signal.SIGUSR2)  # while it is idle
        job = make_job(child_tasks.work_around, 0.3)
        bench.dispatcher.offer([job])
        while not bench.ends[job]:
            os.kill(pid, signal.SIGUSR2)
            await asyncio.sleep(0.001)
        assert bench.outcome(job) == Completed('"through"')
        jobs = [quick(make_job(tasks.add, n, 1)) for n in range(500)]
        bench.dispatcher.offer(jobs)
        while not all(bench.ends[job] for job in jobs):
            os.kill(pid, signal.SIGUSR2)
            await asyncio.sleep(0)
        assert [bench.outcome(job) for job in jobs] == [Completed(str(n + 1)) for n in range(500)]


async def test_forks_and_programs_have_the_usual_handlers() -> None:
    async with processes(limit=1) as bench:
        (told,) = map(value, await bench.run(make_job(child_tasks.handlers_in_fork)))
        assert told[0] == str(signal.SIG_DFL)
        assert "default_int_handler" in told[1]
        assert told[2:] == [str(signal.SIG_DFL), "0"]


async def test_a_limit_counts_from_the_beginning_of_the_call() -> None:
    # The child is stopped before it can begin: that time is not the function's.
    async with processes(limit=1) as bench:
        pid = await pid_of_child(bench)
        os.kill(pid, signal.SIGSTOP)
        job = limited(0.3, tasks.sleep, 0.05)
        bench.dispatcher.offer([job])
        await until(lambda: time.perf_counter() - job.started > 0.6)  # twice its limit
        os.kill(pid, signal.SIGCONT)
        assert await ended(bench, job) == [Completed('"slept"')]

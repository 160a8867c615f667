"""Plain functions in child processes: real ones, that die, hang and are killed, and what that costs the others."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lapinq_core.domain.tasks.outcome import (
    Completed,
    Died,
    Interrupted,
    Outcome,
    Raised,
    RetryAsked,
    TimedOut,
    Unstarted,
    Unstorable,
)
from lapinq_core.runtime.settings import Settings
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools import processes as processes_module
from lapinq_worker.running.pools.processes import ProcessPool
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.eventually import eventually
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.conftest import Run
from tests.unit.lapinq_worker.workbench import Workbench, processes, until

NULL = Completed("null")
SEGFAULT = Died("the process that ran the task was killed by SIGSEGV")


def quick(job: Job) -> Job:
    """The job, known to be quick enough to go in a chunk with others."""
    job.target.run_time.measured(1e-6)
    return job


def chunk(*calls: tuple[Any, ...]) -> list[Job]:
    """Jobs that go to one child together."""
    return [quick(make_job(*call)) for call in calls]


def pool_of(bench: Workbench) -> ProcessPool:
    assert isinstance(bench.pool, ProcessPool)
    return bench.pool


def result(outcome: Outcome) -> str:
    assert isinstance(outcome, Completed), outcome
    return outcome.result


def starts(directory: Path) -> Counter[str]:
    return Counter(path.name.split(".")[0] for path in directory.glob("*.started.*"))


def marked(directory: Path, name: str) -> tuple[int, int]:
    """When `tasks.mark` started and ended."""
    start, end = (
        int(next(directory.glob(f"{name}.{what}.*")).name.rsplit(".", 1)[1]) for what in ("started", "ended")
    )
    return start, end


def is_gone(pid: int) -> bool:
    """Whether the process has ended; a zombie that nobody reaps has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def children_of(pid: int) -> set[int]:
    """Those that run tasks, dead ones too until they are waited for. A test run has other children besides."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    children = {int(child) for path in found for child in path.read_text().split()}
    return {child for child in children if b"embedded.keeper" not in command_of(child)}


def command_of(pid: int) -> bytes:
    """The command line; empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


async def settled(bench: Workbench, count: int) -> None:
    await until(lambda: len(bench.settled) >= count)


@on_both_loops
async def test_functions_return_and_raise_in_another_process(tmp_path: Path) -> None:
    async with processes() as bench:
        pid, returned, failed, retried, unstorable, ended, missing = await bench.run(
            make_job(tasks.process_id),
            make_job(tasks.echo, 1, "ä", None, a=[1.5]),
            make_job(tasks.fail, "no"),
            make_job(tasks.retry_once, str(tmp_path / "asked"), 2.5),
            make_job(tasks.unstorable),
            make_job(tasks.exit_program),
            make_job(tasks.add, 1),
        )
        assert int(result(pid)) != os.getpid()
        assert returned == Completed('{"args":[1,"ä",null],"kwargs":{"a":[1.5]}}')
        assert isinstance(failed, Raised)
        assert failed.error == "ValueError: no"
        assert failed.traceback is not None
        assert failed.traceback.splitlines()[1].endswith("in fail")
        assert isinstance(retried, RetryAsked)
        assert retried.countdown == 2.5
        assert isinstance(unstorable, Unstorable)
        assert isinstance(ended, Raised)
        assert ended.error == "SystemExit: 3"
        assert isinstance(missing, Raised)
        assert missing.error.startswith("TypeError: add() missing 1 required positional argument")


async def test_a_coroutine_behind_a_plain_function_is_run() -> None:
    async with processes() as bench:
        assert await bench.run(make_job(tasks.wrapped_aadd, 1, 2)) == [Completed("3")]


async def test_a_function_that_a_child_cannot_find_fails_with_the_reason() -> None:
    async with processes() as bench:
        job = make_job(tasks.add, 1, 1)
        job.claim.task_name = "nothing"
        (outcome,) = await bench.run(job)
        assert isinstance(outcome, Raised)
        assert outcome.error.startswith(
            "TaskNotFound: module 'tests.support.sample.tasks' has no task or function 'nothing'"
        )


async def test_children_are_used_again() -> None:
    async with processes(limit=2) as bench:
        outcomes = await bench.run(*[make_job(tasks.process_id) for _ in range(30)])
        assert len({result(outcome) for outcome in outcomes}) <= 2


async def test_as_many_run_at_once_as_there_are_places(tmp_path: Path) -> None:
    async with processes(limit=2) as bench:
        gate = tmp_path / "go"
        first = [make_job(tasks.wait_at, str(gate)) for _ in range(2)]
        second = [make_job(tasks.mark, str(tmp_path), str(n)) for n in range(2)]
        bench.dispatcher.offer([*first, *second])
        await until(lambda: len(list(tmp_path.glob("go.begun.*"))) == 2)
        opened = time.time_ns()
        gate.touch()
        await until(lambda: all(bench.ends[job] for job in second))
        assert min(marked(tmp_path, str(n))[0] for n in range(2)) > opened


async def test_arguments_and_results_may_have_several_megabytes() -> None:
    async with processes(limit=1) as bench:
        size = 6 * 1024 * 1024
        long, short = await bench.run(
            make_job(tasks.long_text, size), make_job(tasks.length, "ä" * (size // 2))
        )
        assert len(result(long)) == size + 2
        assert short == Completed(str(size // 2))


def test_what_a_function_writes_does_not_disturb(
    run_on_uvloop: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    async def test() -> None:
        async with processes(limit=1) as bench:
            assert await bench.run(make_job(tasks.write_much), make_job(tasks.add, 1, 1)) == [
                Completed('"written"'),
                Completed("2"),
            ]

    run_on_uvloop(test)
    assert "printed" in capfd.readouterr().err


async def test_a_function_finds_nothing_to_read_on_standard_input() -> None:
    async with processes(limit=1) as bench:
        assert await bench.run(make_job(tasks.read_input)) == [Completed('""')]


@pytest.mark.parametrize(
    ("function", "outcome"),
    [(tasks.die, SEGFAULT), (tasks.leave, Died("the process that ran the task exited with code 7"))],
)
async def test_a_function_that_ends_its_process_is_told_how(
    function: Callable[..., Any], outcome: Died
) -> None:
    async with processes(limit=1) as bench:
        assert await bench.run(make_job(function), make_job(tasks.add, 1, 1)) == [outcome, Completed("2")]


@on_both_loops
async def test_only_the_function_that_killed_the_process_is_charged(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        jobs = chunk(
            (tasks.mark, str(tmp_path), "before"),
            (tasks.mark_and_die, str(tmp_path), "guilty"),
            (tasks.mark, str(tmp_path), "after"),
            (tasks.mark, str(tmp_path), "last"),
        )
        before, guilty, after, last = await bench.run(*jobs)
        assert guilty == SEGFAULT
        assert all(isinstance(outcome, Completed) for outcome in (before, after, last))
        assert result(before) != result(after) == result(last)
    assert starts(tmp_path) == {"before": 1, "guilty": 1, "after": 1, "last": 1}


async def test_a_function_that_never_returns_is_killed_at_its_limit() -> None:
    async with processes(limit=1, time_limit=0.5) as bench:
        started = time.monotonic()
        late, quick = await bench.run(make_job(tasks.spin), make_job(tasks.add, 1, 1))
        assert (late, quick) == (TimedOut(0.5), Completed("2"))
        assert time.monotonic() - started < 10


async def test_what_was_handed_over_with_a_stuck_function_goes_on_elsewhere(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit=0.3) as bench:
        jobs = chunk((tasks.spin,), *[(tasks.mark, str(tmp_path), str(n)) for n in range(3)])
        late, *others = await bench.run(*jobs)
        assert late == TimedOut(0.3)
        assert all(isinstance(outcome, Completed) for outcome in others)
    assert starts(tmp_path) == {"0": 1, "1": 1, "2": 1}


async def test_each_function_of_a_chunk_has_the_whole_limit() -> None:
    async with processes(limit=1, time_limit=0.5) as bench:
        jobs = chunk(*[(tasks.sleep, 0.2)] * 4)
        assert await bench.run(*jobs) == [Completed('"slept"')] * 4


async def test_a_child_killed_for_one_function_charges_no_other() -> None:
    # Ends fall together with limits: nobody may be told of a limit who did not run for so long.
    async with processes(limit=2, time_limit=0.1) as bench:
        jobs = [quick(make_job(tasks.sleep, 0.08 + n % 5 * 0.008)) for n in range(12)]
        await bench.run(*jobs)
        for _, outcome, seconds in bench.settled:
            assert outcome in (Completed('"slept"'), TimedOut(0.1), Interrupted())
            assert outcome != TimedOut(0.1) or seconds >= 0.1


async def test_programs_that_a_function_started_are_killed_with_it(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit=1.0) as bench:
        path = tmp_path / "pid"
        assert await bench.run(make_job(tasks.start_program_and_wait, str(path))) == [TimedOut(1.0)]
        await until(lambda: is_gone(int(path.read_text())))


@on_both_loops
async def test_a_forked_copy_of_a_dead_child_does_not_hide_its_death(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        path = tmp_path / "pid"
        assert await bench.run(make_job(tasks.fork_and_die, str(path))) == [SEGFAULT]
        await until(lambda: is_gone(int(path.read_text())))
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]


async def test_a_forked_copy_that_returns_reports_nothing() -> None:
    async with processes(limit=1) as bench:
        assert await bench.run(make_job(tasks.fork_and_return), make_job(tasks.add, 1, 1)) == [
            Completed('"parent"'),
            Completed("2"),
        ]


async def test_signals_to_stop_leave_a_running_function_alone(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        (pid,) = await bench.run(make_job(tasks.process_id))
        waiting = make_job(tasks.wait_for, str(tmp_path / "go"))
        bench.dispatcher.offer([waiting])
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(int(result(pid)), number)
        await asyncio.sleep(0.05)
        (tmp_path / "go").touch()
        await settled(bench, 2)
        assert bench.outcome(waiting) == Completed('"seen"')


async def test_a_function_can_stop_processes_of_its_own() -> None:
    async with processes(limit=1) as bench:
        assert await bench.run(make_job(tasks.stop_program_of_own), make_job(tasks.use_other_processes)) == [
            Completed(str(int(signal.SIGTERM))),
            Completed("[1,2,3]"),
        ]


@on_both_loops
async def test_an_interruption_gives_back_what_runs_and_what_was_not_begun(tmp_path: Path) -> None:
    async with processes(limit=2) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        together = chunk((tasks.mark, str(tmp_path), "runs", 60), *[(tasks.mark, str(tmp_path), "waits")] * 3)
        bench.dispatcher.offer(together)
        await until(lambda: starts(tmp_path))
        # The second place has no child yet.
        alone = make_job(tasks.mark, str(tmp_path), "alone")
        bench.dispatcher.offer([alone])
        pool_of(bench).interrupt(Interrupted())
        await settled(bench, 6)
        assert [bench.outcome(job) for job in together] == [Interrupted(), *[Unstarted()] * 3]
        assert bench.outcome(alone) == Unstarted()
        assert await bench.run(make_job(tasks.add, 1, 1), make_job(tasks.add, 2, 1)) == [
            Completed("2"),
            Completed("3"),
        ]
    assert starts(tmp_path) == {"runs": 1}


async def test_an_interruption_leaves_the_idle_alone() -> None:
    async with processes(limit=1) as bench:
        (before,) = await bench.run(make_job(tasks.process_id))
        pool_of(bench).interrupt(Interrupted())
        (after,) = await bench.run(make_job(tasks.process_id))
        assert before == after


async def test_an_idle_child_that_dies_is_replaced() -> None:
    async with processes(limit=1) as bench:
        (pid,) = await bench.run(make_job(tasks.process_id))
        os.kill(int(result(pid)), signal.SIGKILL)
        await until(lambda: not children_of(os.getpid()))
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]
        assert isinstance(bench.pool, ProcessPool)
        assert set(bench.pool.pids()) == children_of(os.getpid())


async def test_a_child_that_cannot_start_charges_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes_module, "START_RETRY_SECONDS", 0.05)

    async with processes(limit=1) as bench:
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", "/bin/false")
            job = make_job(tasks.add, 1, 1)
            bench.dispatcher.offer([job])
            await asyncio.sleep(0.3)
            broken.setattr(sys, "executable", "/no/such/program")
            await asyncio.sleep(0.2)
            assert not bench.settled
        await settled(bench, 1)
        assert bench.outcome(job) == Completed("2")


async def test_modules_that_the_worker_imports_are_imported_in_children() -> None:
    async with processes(limit=1, imports=("no.such.module", "tests.support.sample.tasks")) as bench:
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]


@on_both_loops
async def test_the_end_of_the_pool_ends_its_children(tmp_path: Path) -> None:
    before = children_of(os.getpid())

    bench = Workbench(3)
    pool = ProcessPool(bench.dispatcher, Settings(worker_concurrency=3), Limits())
    bench.dispatcher.use(pool)
    running = asyncio.create_task(pool.run())
    await bench.run(make_job(tasks.add, 1, 1))
    bench.dispatcher.offer([make_job(tasks.mark, str(tmp_path), "spins", 120)])
    await until(lambda: starts(tmp_path))
    bench.dispatcher.offer([make_job(tasks.spin), make_job(tasks.spin)])  # these begin to start
    running.cancel()
    started = time.monotonic()
    await asyncio.wait([running])
    assert running.cancelled()
    assert time.monotonic() - started < 5
    assert children_of(os.getpid()) == before


def test_children_die_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.unit.lapinq_worker.lone_worker", str(path)]
    ) as worker:
        try:
            eventually(path.exists)
            pids = [int(pid) for pid in path.read_text().split()]
            assert not any(map(is_gone, pids))
        finally:
            worker.kill()
    eventually(lambda: all(map(is_gone, pids)))


async def test_hundreds_of_functions_each_end_once() -> None:
    kinds: list[tuple[Any, ...]] = [(tasks.noop,)] * 60 + [
        (tasks.fail, "x"),
        (tasks.leave,),
        (tasks.exit_program,),
    ]

    async with processes(limit=3) as bench:
        jobs = [make_job(*kinds[n % len(kinds)]) for n in range(500)]
        outcomes = await bench.run(*jobs)
        ends = Counter(type(outcome).__name__ for outcome in outcomes)
        left = sum(job.target.function is tasks.leave for job in jobs)
        assert ends["Died"] == left
        assert ends["Completed"] == sum(job.target.function is tasks.noop for job in jobs)

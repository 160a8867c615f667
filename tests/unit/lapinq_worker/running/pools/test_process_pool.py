"""Plain functions in child processes: real ones, that die, hang and are killed, and what that costs the others."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lapinq_core.domain.tasks.outcome import (
    Completed,
    Died,
    Interrupted,
    Raised,
    RetryAsked,
    TimedOut,
    Unstarted,
    Unstorable,
)
from lapinq_core.runtime.settings import Settings
from lapinq_worker.running.pools import processes as processes_module
from lapinq_worker.running.pools.processes import ProcessPool
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.eventually import eventually
from tests.support.sample import tasks
from tests.support.sample.gate import Gate
from tests.support.sample.starts import starts
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.running.pools.children import (
    SEGFAULT,
    children,
    chunk,
    ended,
    is_gone,
    pid_of_child,
    pool_of,
    quick,
    value,
)
from tests.unit.lapinq_worker.workbench import Workbench, processes, until


@on_both_loops
async def test_functions_return_and_raise_in_another_process(tmp_path: Path) -> None:
    # What can't be imported beforehand harms nobody.
    async with processes(imports=("no.such.module", "tests.support.sample.tasks")) as bench:
        unknown = make_job(tasks.add, 1, 1)
        unknown.claim.task_name = "nothing"
        pid, returned, wrapped, failed, retried, unstorable, exited, missing, lost = await bench.run(
            make_job(tasks.process_id),
            make_job(tasks.echo, 1, "ä", None, a=[1.5]),
            make_job(tasks.wrapped_aadd, 1, 2),
            make_job(tasks.fail, "no"),
            make_job(tasks.retry_once, str(tmp_path / "asked"), 2.5),
            make_job(tasks.unstorable),
            make_job(tasks.exit_program),
            make_job(tasks.add, 1),
            unknown,
        )
        assert value(pid) != os.getpid()
        assert returned == Completed('{"args":[1,"ä",null],"kwargs":{"a":[1.5]}}')
        assert wrapped == Completed("3")
        assert isinstance(failed, Raised)
        assert failed.error == "ValueError: no"
        assert failed.traceback is not None
        assert failed.traceback.splitlines()[1].endswith("in fail")
        assert isinstance(retried, RetryAsked)
        assert retried.countdown == 2.5
        assert isinstance(unstorable, Unstorable)
        assert isinstance(exited, Raised)
        assert exited.error == "SystemExit: 3"
        assert isinstance(missing, Raised)
        assert missing.error.startswith("TypeError: add() missing 1 required positional argument")
        assert isinstance(lost, Raised)
        assert lost.error.startswith(
            "TaskNotFound: module 'tests.support.sample.tasks' has no task or function 'nothing'"
        )


async def test_as_many_children_as_there_are_places_are_used_again(tmp_path: Path, gate: Gate) -> None:
    async with processes(limit=2) as bench:
        outcomes = await bench.run(*[make_job(tasks.process_id) for _ in range(30)])
        assert len(set(map(value, outcomes))) <= 2
        second = [make_job(tasks.mark, str(tmp_path), str(n)) for n in range(2)]
        bench.dispatcher.offer([*[make_job(tasks.wait_at, gate.path) for _ in range(2)], *second])
        await gate.begun(2)
        opened = time.time_ns()
        gate.open()
        await ended(bench, *second)
        assert min(int(path.name.rsplit(".", 1)[1]) for path in tmp_path.glob("*.started.*")) > opened


async def test_megabytes_pass_and_what_a_function_reads_and_writes_does_not_disturb(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with processes(limit=1) as bench:
        size = 6 * 1024 * 1024
        long, *others = await bench.run(
            make_job(tasks.long_text, size),
            make_job(tasks.length, "ä" * (size // 2)),
            make_job(tasks.write_much),
            make_job(tasks.read_input),
        )
        assert len(value(long)) == size
        assert others == [Completed(str(size // 2)), Completed('"written"'), Completed('""')]
    assert "printed" in capfd.readouterr().err


@on_both_loops
async def test_the_death_of_a_process_is_told_how_and_its_forked_copies_report_nothing(
    tmp_path: Path,
) -> None:
    async with processes(limit=1) as bench:
        path = tmp_path / "pid"
        assert await bench.run(
            make_job(tasks.die),
            make_job(tasks.leave),
            make_job(tasks.fork_and_return),
            make_job(tasks.fork_and_die, str(path)),
            make_job(tasks.add, 1, 1),
        ) == [
            SEGFAULT,
            Died("the process that ran the task exited with code 7"),
            Completed('"parent"'),
            SEGFAULT,
            Completed("2"),
        ]
        await until(lambda: is_gone(int(path.read_text())))


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
        assert value(before) != value(after) == value(last)
    assert starts(tmp_path) == {"before": 1, "guilty": 1, "after": 1, "last": 1}


async def test_a_function_that_never_returns_is_killed_at_its_limit(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit=0.5) as bench:
        started = time.monotonic()
        # What was handed over with it goes on elsewhere.
        late, *others = await bench.run(
            *chunk((tasks.spin,), *[(tasks.mark, str(tmp_path), str(n)) for n in range(3)])
        )
        assert late == TimedOut(0.5)
        assert all(isinstance(outcome, Completed) for outcome in others)
        assert time.monotonic() - started < 10
        assert starts(tmp_path) == {"0": 1, "1": 1, "2": 1}
        # Each function of a chunk has the whole limit.
        assert await bench.run(*chunk(*[(tasks.sleep, 0.2)] * 4)) == [Completed('"slept"')] * 4


async def test_a_child_killed_for_one_function_charges_no_other() -> None:
    # Ends fall together with limits: nobody may be told of a limit who did not run for so long.
    async with processes(limit=2, time_limit=0.1) as bench:
        await bench.run(*[quick(make_job(tasks.sleep, 0.08 + n % 5 * 0.008)) for n in range(12)])
        for _, outcome, seconds in bench.settled:
            assert outcome in (Completed('"slept"'), TimedOut(0.1), Interrupted())
            assert outcome != TimedOut(0.1) or seconds >= 0.1


async def test_programs_that_a_function_started_are_killed_with_it(tmp_path: Path) -> None:
    async with processes(limit=1, time_limit=1.0) as bench:
        path = tmp_path / "pid"
        assert await bench.run(make_job(tasks.start_program_and_wait, str(path))) == [TimedOut(1.0)]
        await until(lambda: is_gone(int(path.read_text())))


async def test_a_child_outlives_signals_to_stop_and_is_replaced_when_it_dies(gate: Gate) -> None:
    async with processes(limit=1) as bench:
        pid = await pid_of_child(bench)
        waiting = make_job(tasks.wait_at, gate.path)
        bench.dispatcher.offer([waiting])
        await gate.begun()
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(pid, number)
        await asyncio.sleep(0.05)
        gate.open()
        assert await ended(bench, waiting) == [Completed('"seen"')]
        # Processes that a function starts can be stopped by it.
        assert await bench.run(make_job(tasks.stop_program_of_own), make_job(tasks.use_other_processes)) == [
            Completed(str(int(signal.SIGTERM))),
            Completed("[1,2,3]"),
        ]
        pool_of(bench).interrupt(Interrupted())  # leaves the idle alone
        assert await pid_of_child(bench) == pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not children())
        assert await pid_of_child(bench) != pid
        assert set(pool_of(bench).pids()) == children()


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
        assert await ended(bench, *together, alone) == [Interrupted(), *[Unstarted()] * 4]
        assert await bench.run(make_job(tasks.add, 1, 1), make_job(tasks.add, 2, 1)) == [
            Completed("2"),
            Completed("3"),
        ]
    assert starts(tmp_path) == {"runs": 1}


async def test_a_child_that_cannot_start_charges_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes_module, "START_RETRY_SECONDS", 0.05)

    async with processes(limit=1) as bench:
        job = make_job(tasks.add, 1, 1)
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", "/bin/false")
            bench.dispatcher.offer([job])
            await asyncio.sleep(0.3)
            broken.setattr(sys, "executable", "/no/such/program")
            await asyncio.sleep(0.2)
            assert not bench.settled
        assert await ended(bench, job) == [Completed("2")]


@on_both_loops
async def test_the_end_of_the_pool_ends_its_children(tmp_path: Path) -> None:
    before = children()

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
    assert children() == before


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


async def test_many_functions_each_end_once() -> None:
    kinds: list[tuple[Any, ...]] = [(tasks.noop,)] * 60 + [
        (tasks.fail, "x"),
        (tasks.leave,),
        (tasks.exit_program,),
    ]

    async with processes(limit=3) as bench:
        jobs = [make_job(*kinds[n % len(kinds)]) for n in range(2 * len(kinds))]
        outcomes = await bench.run(*jobs)
        ends = Counter(type(outcome).__name__ for outcome in outcomes)
        assert ends == {"Completed": 120, "Died": 2, "Raised": 4}

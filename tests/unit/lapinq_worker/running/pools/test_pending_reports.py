"""Halting child processes while the event loop is blocked: their reports are known, and nothing runs any more."""

import os
from pathlib import Path

from lapinq_core.domain.tasks.outcome import Completed, Interrupted, Outcome, Unstarted
from lapinq_worker.running.job import Job
from tests.support.event_loops import on_both_loops
from tests.support.eventually import eventually
from tests.support.sample import child_tasks, tasks
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.running.pools.test_child_context import quick
from tests.unit.lapinq_worker.running.pools.test_process_pool import children_of, is_gone, pool_of
from tests.unit.lapinq_worker.workbench import Workbench, processes, until


def halt(bench: Workbench) -> dict[Job, Outcome]:
    return {job: outcome for job, outcome, _ in pool_of(bench).halt()}


@on_both_loops
async def test_reports_that_nobody_has_read_are_known_after_a_halt(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        ended = [quick(make_job(tasks.long_text, size)) for size in (1, 1000, 50_000)]
        runs = quick(make_job(child_tasks.ignore_limit, str(tmp_path / "a")))
        waits = quick(make_job(tasks.add, 1, 1))
        jobs = [quick(make_job(tasks.wait_at, str(tmp_path / "go"))), *ended, runs, waits]
        bench.dispatcher.offer(jobs)
        await until(lambda: list(tmp_path.glob("go.begun.*")))
        # The event loop is blocked from here on.
        (tmp_path / "go").touch()
        assert eventually((tmp_path / "a").exists, 20)
        expected = {jobs[0]: Completed('"seen"'), runs: Interrupted(), waits: Unstarted()}
        for _ in range(2):
            unsettled = halt(bench)
            assert [len(unsettled.pop(job).result) for job in ended] == [3, 1002, 50_002]  # type: ignore[attr-defined]
            assert unsettled == expected
        # One that wakes up all the same reads the same.
        await until(lambda: all(bench.ends[job] for job in jobs))
        assert [type(bench.outcome(job)) for job in ended] == [Completed] * 3
        assert bench.outcome(runs) == Interrupted()
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]


async def test_lines_logged_before_such_a_report_are_known_too(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        first = quick(make_job(tasks.wait_at, str(tmp_path / "go")))
        logs = quick(make_job(child_tasks.log_lines, 3, "told"))
        runs = quick(make_job(child_tasks.ignore_limit, str(tmp_path / "a")))
        bench.dispatcher.offer([first, logs, runs])
        await until(lambda: list(tmp_path.glob("go.begun.*")))
        (tmp_path / "go").touch()
        assert eventually((tmp_path / "a").exists, 20)
        assert halt(bench)[logs] == Completed("null")
        assert (logs.log_text() or "").count("told") == 3
        await until(lambda: all(bench.ends[job] for job in (logs, runs)))


@on_both_loops
async def test_a_halt_kills_the_idle_and_those_that_start_too(tmp_path: Path) -> None:
    async with processes(limit=3) as bench:
        before = children_of(os.getpid())
        jobs = [make_job(child_tasks.ignore_limit, str(tmp_path / name)) for name in "ab"]
        others = [make_job(tasks.wait_for, str(tmp_path / "go")) for _ in range(2)]
        bench.dispatcher.offer([jobs[0], others[0]])
        await until((tmp_path / "a").exists)
        (tmp_path / "go").touch()
        await until(lambda: bench.ends[others[0]])
        (tmp_path / "go").unlink()
        bench.dispatcher.offer([others[1], jobs[1]])  # one in the idle child, one in a new one
        await until(lambda: len(children_of(os.getpid()) - before) == 3)
        # The event loop is blocked from here on.
        children = children_of(os.getpid()) - before
        pool_of(bench).halt()
        assert eventually(lambda: all(map(is_gone, children)), 20)
        (tmp_path / "go").touch()
        await until(lambda: bench.ends[jobs[0]] and bench.ends[others[1]])
        await until((tmp_path / "b").exists)
        pool_of(bench).interrupt(Interrupted())


@on_both_loops
async def test_a_halt_kills_the_idle() -> None:
    async with processes(limit=1) as bench:
        before = children_of(os.getpid())
        await bench.run(make_job(tasks.add, 1, 1))
        (idle,) = children_of(os.getpid()) - before
        pool_of(bench).halt()
        assert eventually(lambda: is_gone(idle), 20)
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]

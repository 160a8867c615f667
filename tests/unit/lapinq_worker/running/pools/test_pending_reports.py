"""Halting child processes while the event loop is blocked: their reports are known, and nothing runs any more."""

from pathlib import Path

from lapinq_core.domain.tasks.outcome import Completed, Interrupted, Outcome, Unstarted
from lapinq_worker.running.job import Job
from tests.support.event_loops import on_both_loops
from tests.support.eventually import eventually
from tests.support.sample import child_tasks, tasks
from tests.support.sample.gate import Gate
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.running.pools.children import children, ended, is_gone, pool_of, quick, value
from tests.unit.lapinq_worker.workbench import Workbench, processes, until


def halt(bench: Workbench) -> dict[Job, Outcome]:
    return {job: outcome for job, outcome, _ in pool_of(bench).halt()}


@on_both_loops
async def test_reports_and_lines_that_nobody_has_read_are_known_after_a_halt(
    tmp_path: Path, gate: Gate
) -> None:
    async with processes(limit=1) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        told = [quick(make_job(tasks.long_text, size)) for size in (1, 1000, 50_000)]
        logs = quick(make_job(child_tasks.log_lines, 3, "told"))
        runs = quick(make_job(child_tasks.ignore_limit, str(tmp_path / "a")))
        waits = quick(make_job(tasks.add, 1, 1))
        jobs = [quick(make_job(tasks.wait_at, gate.path)), *told, logs, runs, waits]
        bench.dispatcher.offer(jobs)
        await gate.begun()
        # The event loop is blocked from here on.
        gate.open()
        assert eventually((tmp_path / "a").exists, 20)
        expected = [Completed('"seen"'), Completed("null"), Interrupted(), Unstarted()]
        for turn in range(2):
            unsettled = halt(bench)
            assert turn or (logs.log_text() or "").count("told") == 3
            assert [len(value(unsettled.pop(job))) for job in told] == [1, 1000, 50_000]
            assert unsettled == dict(zip((jobs[0], logs, runs, waits), expected, strict=True))
        # One that wakes up all the same reads the same.
        outcomes = await ended(bench, *jobs)
        assert outcomes[-2] == Interrupted()
        assert [type(outcome) for outcome in outcomes[:-2]] == [Completed] * 5
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]


@on_both_loops
async def test_a_halt_kills_the_idle_and_those_that_start_too(tmp_path: Path) -> None:
    async with processes(limit=3) as bench:
        before = children()
        jobs = [make_job(child_tasks.ignore_limit, str(tmp_path / name)) for name in "ab"]
        others = [make_job(tasks.wait_for, str(tmp_path / "go")) for _ in range(2)]
        bench.dispatcher.offer([jobs[0], others[0]])
        await until((tmp_path / "a").exists)
        (tmp_path / "go").touch()
        await ended(bench, others[0])
        (tmp_path / "go").unlink()
        bench.dispatcher.offer([others[1], jobs[1]])  # one in the idle child, one in a new one
        await until(lambda: len(children() - before) == 3)
        # The event loop is blocked from here on.
        halted = children() - before
        pool_of(bench).halt()
        assert eventually(lambda: all(map(is_gone, halted)), 20)
        (tmp_path / "go").touch()
        await ended(bench, jobs[0], others[1])
        await until((tmp_path / "b").exists)
        pool_of(bench).interrupt(Interrupted())
        await ended(bench, jobs[1])
        # Now that nothing runs.
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]
        idle = children() - before
        pool_of(bench).halt()
        assert eventually(lambda: all(map(is_gone, idle)), 20)
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]

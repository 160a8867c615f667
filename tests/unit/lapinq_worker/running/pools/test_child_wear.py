"""Which child runs what: memory and number of tasks of a child, and tasks that must run apart from others."""

import asyncio
import os
from pathlib import Path

import pytest

from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Cancelled, Completed, Died, Interrupted, Outcome
from lapinq_worker.running.dispatcher import MAX_ISOLATED
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.parent_side import child_watch
from tests.support.sample import child_tasks, tasks
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.running.pools.test_child_context import quick
from tests.unit.lapinq_worker.running.pools.test_process_pool import children_of, pool_of, result
from tests.unit.lapinq_worker.workbench import processes, until

MEBIBYTE = 2**20


def isolated(job: Job) -> Job:
    job.claim.isolation = Isolation.ISOLATED
    return job


def pids(outcomes: list[Outcome]) -> list[int]:
    return [int(result(outcome)) for outcome in outcomes]


async def test_a_task_that_eats_memory_fails_with_the_reason(tmp_path: Path) -> None:
    async with processes(limit=1, max_memory=200 * MEBIBYTE) as bench:
        hungry, fine = await bench.run(
            make_job(child_tasks.eat, 300, str(tmp_path / "a")), make_job(tasks.add, 1, 1)
        )
        assert isinstance(hungry, Died)
        assert hungry.reason.startswith("memory limit of 200 MiB exceeded (")
        assert hungry.reason.endswith(" MiB resident)")
        assert 200 <= int(hungry.reason.split("(")[1].split()[0]) < 1000  # rounded
        assert fine == Completed("2")


async def test_one_below_the_limit_is_left_alone(tmp_path: Path) -> None:
    async with processes(limit=1, max_memory=300 * MEBIBYTE) as bench:
        assert await bench.run(make_job(child_tasks.eat, 50, str(tmp_path / "a"), 0.5)) == [
            Completed(str(50 * MEBIBYTE))
        ]


async def test_a_child_that_keeps_too_much_after_a_task_is_replaced() -> None:
    async with processes(limit=1, max_memory=200 * MEBIBYTE) as bench:
        outcomes = await bench.run(*[quick(make_job(child_tasks.leak, 70)) for _ in range(8)])
        # One that begins just when the child is killed because of the one before is not charged for it.
        assert all(isinstance(outcome, (Completed, Died, Interrupted)) for outcome in outcomes)
        assert len({outcome for outcome in outcomes if isinstance(outcome, Completed)}) > 1


async def test_a_child_over_the_memory_limit_at_the_end_of_a_task_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child_watch, "LOOK_SECONDS", 60.0)

    async with processes(limit=1, max_memory=200 * MEBIBYTE) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        # Nobody looks at the child any more while it runs, and kills it.
        jobs = [make_job(child_tasks.leak, 250), make_job(tasks.process_id)]
        leaky, fresh = pids(await bench.run(*jobs))
        assert leaky != fresh


async def test_a_child_is_replaced_after_so_many_tasks() -> None:
    async with processes(limit=1, max_tasks_per_child=3) as bench:
        jobs = [quick(make_job(tasks.process_id)) for _ in range(10)]
        found = pids(await bench.run(*jobs))
        assert [len([pid for pid in found if pid == one]) for one in dict.fromkeys(found)] == [3, 3, 3, 1]
        await until(lambda: len(children_of(os.getpid())) <= 1)


async def test_a_chunk_is_continued_in_the_next_child_and_can_be_cancelled_there(tmp_path: Path) -> None:
    async with processes(limit=1, max_tasks_per_child=2) as bench:
        first = quick(make_job(tasks.wait_at, str(tmp_path / "go")))
        rest = [quick(make_job(tasks.mark, str(tmp_path), str(n))) for n in range(3)]
        bench.dispatcher.offer([first, *rest])
        await until(lambda: list(tmp_path.glob("go.begun.*")))
        assert pool_of(bench).cancel(rest[2].claim.id, rest[2].claim.token, Cancelled("asked"))
        assert bench.outcome(rest[2]) == Cancelled("asked")
        (tmp_path / "go").touch()
        await until(lambda: all(bench.ends[job] for job in rest))
        one, other = pids([bench.outcome(job) for job in rest[:2]])
        assert one != other


async def test_many_tasks_and_small_lives_lose_nothing() -> None:
    async with processes(limit=3, max_tasks_per_child=7) as bench:
        jobs = [make_job(tasks.add, n, 0) for n in range(50)]
        assert await bench.run(*jobs) == [Completed(str(n)) for n in range(50)]


async def test_an_isolated_task_is_never_in_a_chunk(tmp_path: Path) -> None:
    async with processes(limit=2) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        blocker = quick(make_job(tasks.wait_at, str(tmp_path / "go")))
        alone = isolated(quick(make_job(tasks.process_id)))
        bench.dispatcher.offer([blocker, alone, quick(make_job(tasks.add, 1, 1))])
        await until(lambda: bench.ends[alone])  # while the other still runs
        assert not bench.ends[blocker]
        (tmp_path / "go").touch()


async def test_a_fresh_child_has_run_nothing_before_and_may_be_used_again() -> None:
    async with processes(limit=1) as bench:
        before, fresh, after = [
            *await bench.run(make_job(tasks.process_id)),
            *await bench.run(isolated(make_job(tasks.process_id))),
            *await bench.run(make_job(tasks.process_id)),
        ]
        assert before != fresh == after
        await until(lambda: len(children_of(os.getpid())) == 1)


async def test_fresh_children_are_there_for_many() -> None:
    async with processes(limit=4) as bench:
        jobs = [
            isolated(make_job(tasks.process_id)) if n % 2 else make_job(tasks.process_id) for n in range(8)
        ]
        found = pids(await bench.run(*jobs))
        assert len(set(found[1::2])) == 4


async def test_fresh_children_are_there_while_all_others_are_busy(tmp_path: Path) -> None:
    async with processes(limit=2) as bench:
        await bench.run(*[make_job(tasks.sleep, 0.1) for _ in range(2)])
        blocker = make_job(tasks.wait_at, str(tmp_path / "go"))
        poison = isolated(make_job(tasks.die))
        fine = [make_job(tasks.add, n, 1) for n in range(5)]
        bench.dispatcher.offer([blocker, poison, *fine])
        await until(lambda: all(bench.ends[job] for job in (poison, *fine)))
        assert bench.outcome(poison) == Died("the process that ran the task was killed by SIGSEGV")
        assert not bench.ends[blocker]
        (tmp_path / "go").touch()


async def test_only_so_many_isolated_tasks_run_at_once(tmp_path: Path) -> None:
    async with processes(limit=MAX_ISOLATED + 3) as bench:
        gate = tmp_path / "go"
        jobs = [isolated(make_job(tasks.await_at, str(gate))) for _ in range(MAX_ISOLATED + 2)]
        *taken, one, other = jobs
        assert bench.dispatcher.offer(jobs) == [one, other]
        await until(lambda: len(list(tmp_path.glob("go.begun.*"))) == MAX_ISOLATED)
        assert len(children_of(os.getpid())) == MAX_ISOLATED
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]
        assert bench.dispatcher.isolated_places == 0
        gate.touch()
        await until(lambda: all(bench.ends[job] for job in taken))
        assert bench.dispatcher.isolated_places == MAX_ISOLATED


async def test_isolated_coroutines_run_in_children() -> None:
    async with processes(limit=1) as bench:
        assert await bench.run(isolated(make_job(tasks.aadd, 1, 2))) == [Completed("3")]
        assert await bench.run(isolated(make_job(tasks.asleep, 0.01))) == [Completed('"slept"')]


async def test_an_idle_pool_does_nothing() -> None:
    async with processes(limit=1) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        await until(lambda: not pool_of(bench)._has_work.is_set())  # pyright: ignore[reportPrivateUsage]
        loop = asyncio.get_running_loop()
        before = {task.get_name(): task for task in asyncio.all_tasks(loop)}
        assert len(before) <= 4
        assert not pool_of(bench)._has_work.is_set()  # pyright: ignore[reportPrivateUsage]

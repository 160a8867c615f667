"""Which child runs what: memory and number of tasks of a child, and tasks that must run apart from others."""

import asyncio
from pathlib import Path

import pytest

from lapinq_core.domain.tasks.outcome import Completed, Died
from lapinq_worker.running.dispatcher import MAX_ISOLATED
from lapinq_worker.running.pools.parent_side import child_watch
from tests.support.sample import child_tasks, tasks
from tests.support.sample.gate import Gate
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.running.pools.children import (
    ASKED,
    SEGFAULT,
    cancel,
    children,
    ended,
    isolated,
    pid_of_child,
    pool_of,
    quick,
    value,
)
from tests.unit.lapinq_worker.workbench import processes, until

MEBIBYTE = 2**20


async def test_a_task_that_eats_memory_fails_with_the_reason_and_one_below_the_limit_is_left_alone(
    tmp_path: Path,
) -> None:
    async with processes(limit=1, max_memory=200 * MEBIBYTE) as bench:
        hungry, fine = await bench.run(
            make_job(child_tasks.eat, 300, str(tmp_path / "a")),
            make_job(child_tasks.eat, 50, str(tmp_path / "b"), 0.5),
        )
        assert isinstance(hungry, Died)
        assert hungry.reason.startswith("memory limit of 200 MiB exceeded (")
        assert hungry.reason.endswith(" MiB resident)")
        assert 200 <= int(hungry.reason.split("(")[1].split()[0]) < 1000  # rounded
        assert fine == Completed(str(50 * MEBIBYTE))


async def test_a_child_over_the_memory_limit_at_the_end_of_a_task_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child_watch, "LOOK_SECONDS", 60.0)

    async with processes(limit=1, max_memory=200 * MEBIBYTE) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        # Nobody looks at the child any more while it runs, and kills it.
        (leaky,) = await bench.run(make_job(child_tasks.leak, 250))
        assert value(leaky) != await pid_of_child(bench)


async def test_a_child_is_replaced_after_so_many_tasks() -> None:
    async with processes(limit=1, max_tasks_per_child=3) as bench:
        jobs = [quick(make_job(tasks.process_id)) for _ in range(10)]
        found = list(map(value, await bench.run(*jobs)))
        assert [found.count(pid) for pid in dict.fromkeys(found)] == [3, 3, 3, 1]
        await until(lambda: len(children()) <= 1)


async def test_a_chunk_is_continued_in_the_next_child_and_can_be_cancelled_there(
    tmp_path: Path, gate: Gate
) -> None:
    async with processes(limit=1, max_tasks_per_child=2) as bench:
        first = quick(make_job(tasks.wait_at, gate.path))
        rest = [quick(make_job(tasks.mark, str(tmp_path), str(n))) for n in range(3)]
        bench.dispatcher.offer([first, *rest])
        await gate.begun()
        assert cancel(bench, rest[2])
        assert bench.outcome(rest[2]) == ASKED
        gate.open()
        one, other = map(value, await ended(bench, *rest[:2]))
        assert one != other


async def test_an_isolated_task_gets_a_fresh_child_that_may_be_used_again() -> None:
    async with processes(limit=1) as bench:
        before = await pid_of_child(bench)
        (fresh,) = map(value, await bench.run(isolated(make_job(tasks.process_id))))
        assert before != fresh == await pid_of_child(bench)
        assert await bench.run(isolated(make_job(tasks.aadd, 1, 2))) == [Completed("3")]
        await until(lambda: len(children()) == 1)


async def test_an_isolated_task_is_never_in_a_chunk_nor_waits_for_the_busy(gate: Gate) -> None:
    async with processes(limit=2) as bench:
        await bench.run(*[make_job(tasks.sleep, 0.1) for _ in range(2)])
        blocker = quick(make_job(tasks.wait_at, gate.path))
        poison = isolated(quick(make_job(tasks.die)))
        fine = [quick(make_job(tasks.add, n, 1)) for n in range(5)]
        bench.dispatcher.offer([blocker, poison, *fine])
        assert await ended(bench, poison, *fine) == [SEGFAULT, *[Completed(str(n + 1)) for n in range(5)]]
        assert not bench.ends[blocker]
        gate.open()


async def test_only_so_many_isolated_tasks_run_at_once_each_in_a_child_of_its_own(gate: Gate) -> None:
    async with processes(limit=MAX_ISOLATED + 3) as bench:
        jobs = [isolated(make_job(tasks.await_at, gate.path)) for _ in range(MAX_ISOLATED + 2)]
        *taken, one, other = jobs
        assert bench.dispatcher.offer(jobs) == [one, other]
        await gate.begun(MAX_ISOLATED)
        assert len(children()) == MAX_ISOLATED
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]
        assert bench.dispatcher.isolated_places == 0
        gate.open()
        await ended(bench, *taken)
        assert bench.dispatcher.isolated_places == MAX_ISOLATED


async def test_an_idle_pool_does_nothing() -> None:
    async with processes(limit=1) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        await until(lambda: not pool_of(bench)._has_work.is_set())  # pyright: ignore[reportPrivateUsage]
        assert len(asyncio.all_tasks()) <= 4

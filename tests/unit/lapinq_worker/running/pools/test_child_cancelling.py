"""Requests to stop functions in child processes: the function sees them, and is killed if it does not."""

import time
from pathlib import Path

import pytest

from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Cancelled, Completed, Interrupted, Unstarted, WorkerLost
from lapinq_worker.running.job import Job
from tests.support.eventually import eventually
from tests.support.sample import child_tasks, tasks
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.running.pools.test_child_context import quick
from tests.unit.lapinq_worker.running.pools.test_process_pool import pool_of, starts
from tests.unit.lapinq_worker.workbench import Workbench, processes, until

ASKED = Cancelled("asked")
NEVER = 100.0


def cancel(bench: Workbench, job: Job) -> bool:
    return pool_of(bench).cancel(job.claim.id, job.claim.token, ASKED)


async def test_a_function_sees_the_request_and_ends_as_cancelled_whatever_it_returns(tmp_path: Path) -> None:
    async with processes(limit=1, cancel_grace=NEVER) as bench:
        (before,) = await bench.run(make_job(tasks.process_id))
        job = make_job(child_tasks.until_cancelled, str(tmp_path / "a"))
        bench.dispatcher.offer([job])
        await until((tmp_path / "a").exists)
        assert cancel(bench, job)
        assert cancel(bench, job)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == ASKED
        assert job.is_cancelled
        assert not cancel(bench, job)
        assert await bench.run(make_job(tasks.process_id)) == [before]


async def test_one_that_does_not_look_is_killed_after_the_grace(tmp_path: Path) -> None:
    async with processes(limit=1, cancel_grace=0.5) as bench:
        job = make_job(child_tasks.ignore_limit, str(tmp_path / "a"))
        bench.dispatcher.offer([job])
        await until((tmp_path / "a").exists)
        asked = time.monotonic()
        assert cancel(bench, job)
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == ASKED
        assert time.monotonic() - asked > 0.4
        assert await bench.run(make_job(tasks.add, 1, 1)) == [Completed("2")]


@pytest.mark.parametrize("wrong", ["id", "token"])
async def test_a_request_for_another_claim_touches_nothing(tmp_path: Path, wrong: str) -> None:
    async with processes(limit=1) as bench:
        job = make_job(tasks.wait_at, str(tmp_path / "go"))
        bench.dispatcher.offer([job])
        await until(lambda: list(tmp_path.glob("go.begun.*")))
        right = {"id": job.claim.id, "token": job.claim.token}
        told = {**right, wrong: "other"}
        assert not pool_of(bench).cancel(told["id"], told["token"], ASKED)
        (tmp_path / "go").touch()
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == Completed('"seen"')


async def test_of_a_chunk_only_the_one_meant_is_touched(tmp_path: Path) -> None:
    async with processes(limit=1, cancel_grace=0.2) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        first = quick(make_job(child_tasks.ignore_limit, str(tmp_path / "a")))
        rest = [quick(make_job(tasks.mark, str(tmp_path), str(n))) for n in range(4)]
        bench.dispatcher.offer([first, *rest])
        await until((tmp_path / "a").exists)
        for job in rest[1:3]:
            assert cancel(bench, job)
            assert cancel(bench, job)
        assert cancel(bench, first)
        await until(lambda: all(bench.ends[job] for job in (first, *rest)))
        # The child is killed for the first and never comes to those that were not to begin.
        assert [bench.outcome(job) for job in (first, *rest[1:3])] == [ASKED] * 3
        assert starts(tmp_path) == {"0": 1, "3": 1}


async def test_a_child_skips_what_was_cancelled_before_it_began(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        first = quick(make_job(tasks.wait_at, str(tmp_path / "go")))
        rest = [quick(make_job(tasks.mark, str(tmp_path), str(n))) for n in range(10)]
        bench.dispatcher.offer([first, *rest])
        await until(lambda: list(tmp_path.glob("go.begun.*")))
        for job in rest[::2]:
            assert cancel(bench, job)
        (tmp_path / "go").touch()
        await until(lambda: all(bench.ends[job] for job in (first, *rest)))
        assert bench.outcome(first) == Completed('"seen"')
        assert [bench.outcome(job) for job in rest[::2]] == [ASKED] * 5
        assert starts(tmp_path) == {str(n): 1 for n in range(1, 10, 2)}
        # What comes later under the same places is run.
        assert await bench.run(*[quick(make_job(tasks.add, n, 1)) for n in range(200)]) == [
            Completed(str(n + 1)) for n in range(200)
        ]


async def test_one_that_begins_unseen_ends_once_and_sees_the_request(tmp_path: Path) -> None:
    async with processes(limit=1, cancel_grace=NEVER) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        before = quick(make_job(tasks.add, 1, 1))
        job = quick(make_job(child_tasks.until_cancelled, str(tmp_path / "a")))
        bench.dispatcher.offer([before, job])
        await until(lambda: bench.ends[before] and (tmp_path / "a").exists())
        (child,) = pool_of(bench)._busy  # pyright: ignore[reportPrivateUsage]
        # As if the child's processor had not let go of this word yet.
        words = child.page._words  # pyright: ignore[reportPrivateUsage]
        words[0] -= 1
        assert cancel(bench, job)
        assert not bench.ends[job]
        words[0] += 1
        await until(lambda: bench.ends[job])
        assert bench.outcome(job) == ASKED


async def test_a_request_for_one_that_has_ended_does_not_hide_that_for_another(tmp_path: Path) -> None:
    async with processes(limit=1, cancel_grace=NEVER) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        first = quick(make_job(tasks.wait_at, str(tmp_path / "go")))
        ended = quick(make_job(tasks.add, 1, 1))
        runs = quick(make_job(child_tasks.until_cancelled, str(tmp_path / "a")))
        bench.dispatcher.offer([first, ended, runs])
        await until(lambda: list(tmp_path.glob("go.begun.*")))
        # The event loop is blocked from here on, so that no report is read.
        (tmp_path / "go").touch()
        assert eventually((tmp_path / "a").exists, 20)
        assert cancel(bench, runs)
        assert cancel(bench, ended)
        await until(lambda: len(bench.settled) == 4)
        assert [bench.outcome(job) for job in (ended, runs)] == [ASKED] * 2


async def test_what_waits_for_a_child_is_cancelled_at_once() -> None:
    async with processes(limit=2) as bench:
        jobs = [make_job(tasks.add, 1, 1), make_job(tasks.add, 2, 1)]
        jobs[0].claim.isolation = Isolation.ISOLATED
        bench.dispatcher.offer(jobs)  # no child is there yet
        assert all(cancel(bench, job) for job in jobs)
        assert bench.outcomes == [ASKED] * 2
        assert bench.dispatcher.active == 0
        assert await bench.run(make_job(tasks.add, 3, 1)) == [Completed("4")]


async def test_a_request_and_an_end_at_the_same_moment_settle_once() -> None:
    async with processes(limit=2, cancel_grace=NEVER) as bench:
        jobs = [quick(make_job(tasks.sleep, n % 3 * 0.001)) for n in range(400)]
        bench.dispatcher.offer(jobs)
        n = 0
        while len(bench.settled) < len(jobs):
            n = (n + 7) % len(jobs)
            cancel(bench, jobs[n])
            await until(lambda: True)
        assert set(bench.outcomes) <= {ASKED, Completed('"slept"')}


async def test_a_worker_that_stops_hands_back_but_what_was_cancelled(tmp_path: Path) -> None:
    async with processes(limit=2, cancel_grace=NEVER) as bench:
        jobs = [make_job(child_tasks.ignore_limit, str(tmp_path / str(n))) for n in range(2)]
        bench.dispatcher.offer(jobs)
        await until(lambda: len(list(tmp_path.iterdir())) == 2)
        assert cancel(bench, jobs[0])
        pool_of(bench).interrupt(Interrupted())
        await until(lambda: len(bench.settled) == 2)
        assert [bench.outcome(job) for job in jobs] == [ASKED, Interrupted()]


async def test_a_worker_that_was_given_up_kills_what_it_runs(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        job = quick(make_job(child_tasks.ignore_limit, str(tmp_path / "a")))
        behind = quick(make_job(tasks.add, 1, 1))
        bench.dispatcher.offer([job, behind])
        await until((tmp_path / "a").exists)
        pool_of(bench).interrupt(WorkerLost("w"))
        await until(lambda: len(bench.settled) == 3)
        assert job.is_lost
        assert (bench.outcome(job), bench.outcome(behind)) == (WorkerLost("w"), Unstarted())

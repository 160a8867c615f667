"""Requests to stop functions in child processes: the function sees them, and is killed if it does not."""

import time
from pathlib import Path

from lapinq_core.domain.tasks.outcome import Completed, Interrupted, Unstarted, WorkerLost
from tests.support.eventually import eventually
from tests.support.sample import child_tasks, tasks
from tests.support.sample.gate import Gate
from tests.support.sample.starts import starts
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.running.pools.children import (
    ASKED,
    cancel,
    ended,
    isolated,
    pid_of_child,
    pool_of,
    quick,
)
from tests.unit.lapinq_worker.workbench import processes, until

NEVER = 100.0


async def test_a_function_sees_the_request_and_ends_as_cancelled_whatever_it_returns(tmp_path: Path) -> None:
    async with processes(limit=1, cancel_grace=NEVER) as bench:
        before = await pid_of_child(bench)
        job = make_job(child_tasks.until_cancelled, str(tmp_path / "a"))
        bench.dispatcher.offer([job])
        await until((tmp_path / "a").exists)
        for task_id, token in (("other", job.claim.token), (job.claim.id, "other")):
            assert not pool_of(bench).cancel(task_id, token, ASKED)
        assert not job.is_cancelled
        assert cancel(bench, job)
        assert cancel(bench, job)
        assert await ended(bench, job) == [ASKED]
        assert job.is_cancelled
        assert not cancel(bench, job)
        assert await pid_of_child(bench) == before


async def test_one_that_does_not_look_is_killed_after_the_grace_and_no_other_of_its_chunk(
    tmp_path: Path,
) -> None:
    async with processes(limit=1, cancel_grace=0.5) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        first = quick(make_job(child_tasks.ignore_limit, str(tmp_path / "a")))
        rest = [quick(make_job(tasks.mark, str(tmp_path), str(n))) for n in range(4)]
        bench.dispatcher.offer([first, *rest])
        await until((tmp_path / "a").exists)
        asked = time.monotonic()
        for job in (*rest[1:3], first):
            assert cancel(bench, job)
            assert cancel(bench, job)
        # The child is killed for the first and never comes to those that were not to begin.
        assert await ended(bench, first, *rest[1:3]) == [ASKED] * 3
        assert time.monotonic() - asked > 0.4
        await ended(bench, *rest)
        assert starts(tmp_path) == {"0": 1, "3": 1}


async def test_a_child_skips_what_was_cancelled_before_it_began(tmp_path: Path, gate: Gate) -> None:
    async with processes(limit=1) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        first = quick(make_job(tasks.wait_at, gate.path))
        rest = [quick(make_job(tasks.mark, str(tmp_path), str(n))) for n in range(10)]
        bench.dispatcher.offer([first, *rest])
        await gate.begun()
        for job in rest[::2]:
            assert cancel(bench, job)
        gate.open()
        assert await ended(bench, first, *rest[::2]) == [Completed('"seen"'), *[ASKED] * 5]
        await ended(bench, *rest)
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
        assert await ended(bench, job) == [ASKED]


async def test_a_request_for_one_that_has_ended_does_not_hide_that_for_another(
    tmp_path: Path, gate: Gate
) -> None:
    async with processes(limit=1, cancel_grace=NEVER) as bench:
        await bench.run(make_job(tasks.add, 1, 1))
        first = quick(make_job(tasks.wait_at, gate.path))
        over = quick(make_job(tasks.add, 1, 1))
        runs = quick(make_job(child_tasks.until_cancelled, str(tmp_path / "a")))
        bench.dispatcher.offer([first, over, runs])
        await gate.begun()
        # The event loop is blocked from here on, so that no report is read.
        gate.open()
        assert eventually((tmp_path / "a").exists, 20)
        assert cancel(bench, runs)
        assert cancel(bench, over)
        assert await ended(bench, over, runs) == [ASKED] * 2
        await ended(bench, first)


async def test_what_waits_for_a_child_is_cancelled_at_once() -> None:
    async with processes(limit=2) as bench:
        jobs = [isolated(make_job(tasks.add, 1, 1)), make_job(tasks.add, 2, 1)]
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


async def test_a_worker_that_stops_or_was_given_up_kills_what_it_runs_and_hands_back_the_rest(
    tmp_path: Path,
) -> None:
    async with processes(limit=2, cancel_grace=NEVER) as bench:
        for told in (Interrupted(), WorkerLost("w")):
            place = tmp_path / type(told).__name__
            place.mkdir()
            await bench.run(*[make_job(tasks.sleep, 0.1) for _ in range(2)])
            runs, cancelled = (quick(make_job(child_tasks.ignore_limit, str(place / n))) for n in "ab")
            bench.dispatcher.offer([runs, behind := quick(make_job(tasks.add, 1, 1))])
            bench.dispatcher.offer([cancelled])
            await until(lambda place=place: len(list(place.iterdir())) == 2)
            assert cancel(bench, cancelled)
            pool_of(bench).interrupt(told)
            assert await ended(bench, runs, cancelled, behind) == [told, ASKED, Unstarted()]
            assert runs.is_lost is isinstance(told, WorkerLost)

"""What `current_task()` tells and takes in child processes."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import msgspec

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.outcome import Completed, Outcome, Raised, Unstorable
from lapinq_core.runtime.settings import Settings
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.sample import child_tasks, tasks
from tests.support.sample.gate import Gate
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.running.pools.children import (
    SEGFAULT,
    ended,
    isolated,
    pid_of_child,
    quick,
    value,
)
from tests.unit.lapinq_worker.workbench import processes, until

Said = list[tuple[str, int, str | None]]


def listened_to(job: Job, said: Said, *, lease: Any = lambda: True) -> Job:
    """The job with a host that writes down what it says."""

    def note(claim: Claim, percent: int, message: str | None) -> None:
        said.append((claim.id, percent, message))

    job.host = Host(Limits(), note_progress=note, lease_is_current=lease)
    return job


def log_of(job: Job) -> str:
    assert job.log is not None
    return job.log.text()


async def test_a_task_knows_what_it_was_claimed_with() -> None:
    async with processes(limit=1, time_limit=50.0) as bench:
        job = make_job(child_tasks.who)
        job.claim.metadata = msgspec.Raw(b'{"tenant":"a"}')
        job.claim.queue_name, job.claim.claim_seq, job.claim.attempt = "video", 12345, 2
        job.claim.enqueued_at = 1_700_000_000.5
        coroutine = isolated(make_job(child_tasks.awho))
        coroutine.claim.timeout = 500.0
        *outcomes, wrong = await bench.run(job, coroutine, make_job(child_tasks.say, 101))
        told, other = map(value, outcomes)
        assert -5 < told.pop("deadline") - time.time() - 50 < 5
        assert told == {
            "id": job.claim.id,
            "name": "who",
            "module": "tests.support.sample.child_tasks",
            "queue": "video",
            "attempt": 2,
            "max_retries": 3,
            "metadata": {"tenant": "a"},
            "enqueued_at": "2023-11-14T22:13:20.500000Z",
            "claim_seq": 12345,
            "cancelled": False,
            "lease_lost": False,
        }
        assert -5 < other["deadline"] - time.time() - 500 < 5
        assert (other["id"], other["metadata"], other["enqueued_at"]) == (coroutine.claim.id, {}, None)
        assert isinstance(wrong, Raised)
        assert "must be a number between 0 and 100" in wrong.error


async def test_middleware_of_the_worker_stands_around_functions_in_children() -> None:
    settings = Settings(
        worker_concurrency=1,
        worker_middleware=("tests.support.sample.child_tasks:Shouting",),
        max_result_size=100,
    )

    async with processes(limit=1, settings=settings, max_result_size=100) as bench:
        word, long = await bench.run(
            make_job(child_tasks.say_what_middleware_did, "hello"), make_job(tasks.long_text, 101)
        )
        assert value(word) == "say_what_middleware_did: HELLO"
        assert isinstance(long, Unstorable)
        assert "LAPINQ_MAX_RESULT_SIZE" in long.error


async def test_a_running_task_is_heard_and_learns_that_its_lease_is_in_doubt(
    tmp_path: Path, gate: Gate
) -> None:
    async with processes(limit=1) as bench:
        said: Said = []
        is_current = True
        speaks = listened_to(make_job(child_tasks.say_and_wait, 12.7, "ä", gate.path), said)
        doubts = listened_to(
            make_job(child_tasks.until_lost, str(tmp_path / "a")), said, lease=lambda: is_current
        )
        bench.dispatcher.offer([speaks, doubts])
        await until(lambda: (speaks.claim.id, 12, "ä") in said)
        gate.open()
        await until((tmp_path / "a").exists)
        is_current = False
        assert await ended(bench, speaks, doubts) == [Completed("null"), Completed('"saw it"')]


@on_both_loops
async def test_the_last_word_comes_before_the_outcome_and_from_one_that_dies_too() -> None:
    async with processes(limit=1) as bench:
        said: Said = []
        jobs = [quick(listened_to(make_job(child_tasks.say, n, f"at {n}"), said)) for n in range(1, 31)]
        ends_before: dict[str, int] = {}
        on_ended = bench.dispatcher._on_ended  # pyright: ignore[reportPrivateUsage]

        def note_and_settle(job: Job, outcome: Outcome, seconds: float) -> None:
            ends_before[job.claim.id] = len(said)
            on_ended(job, outcome, seconds)

        bench.dispatcher._on_ended = note_and_settle  # pyright: ignore[reportPrivateUsage]
        await bench.run(*jobs)
        for n, job in enumerate(jobs, start=1):
            assert (job.claim.id, n, f"at {n}") in said[: ends_before[job.claim.id]]
        for _ in range(2):
            job = listened_to(make_job(child_tasks.say_and_die, 66, "last words"), said)
            assert await bench.run(job) == [SEGFAULT]
            assert said[-1] == (job.claim.id, 66, "last words")
            assert log_of(job).endswith("INFO last words")


async def test_saying_something_costs_microseconds() -> None:
    async with processes(limit=1) as bench:
        said: Said = []
        job = listened_to(make_job(child_tasks.say_much, 50_000), said)
        (seconds,) = map(value, await bench.run(job))
        assert seconds < 50e-6  # a system call each, on a busy machine, would take no less
        assert said[-1] == (job.claim.id, 100, "there")
        assert len(said) < 200


async def test_lines_are_kept_in_order_and_within_bounds_and_a_forked_copy_keeps_silent() -> None:
    async with processes(limit=1) as bench:
        jobs = few, many, long, forks = (
            make_job(child_tasks.log_lines, 3, "ä?"),
            make_job(child_tasks.log_lines, 3_000, "x" * 50),
            make_job(child_tasks.log_lines, 1, "y" * 1_000_000),
            make_job(child_tasks.log_in_fork),
        )
        assert await bench.run(*jobs) == [*[Completed("null")] * 3, Completed('"done"')]
        assert [line.split(" WARNING ")[1] for line in log_of(few).splitlines()] == [
            f"{n} ä\\ud800" for n in range(3)
        ]
        assert log_of(many).splitlines()[-1].endswith(f"2999 {'x' * 50}")
        assert len(log_of(many)) < 70_000
        assert len(log_of(long)) < 5_000
        assert [line.rpartition(" ")[2] for line in log_of(forks).splitlines()] == ["before", "after"]


async def test_what_a_thread_says_after_its_task_ended_reaches_no_other() -> None:
    async with processes(limit=1) as bench:
        said: Said = []
        await bench.run(make_job(child_tasks.leave_thread_logging))
        jobs = [listened_to(make_job(child_tasks.work_around, 0.02), said) for _ in range(10)]
        assert await bench.run(*jobs) == [Completed('"through"')] * 10
        assert not said
        assert all(job.log is None for job in jobs)


async def test_a_flood_of_lines_holds_up_nobody_when_its_child_is_stopped(tmp_path: Path) -> None:
    async with processes(limit=2) as bench:
        pid = await pid_of_child(bench)
        job = make_job(child_tasks.log_for_ever, str(tmp_path / "a"))
        bench.dispatcher.offer([job])
        await until((tmp_path / "a").exists)
        assert await bench.run(*[make_job(tasks.add, 1, n) for n in range(20)]) == [
            Completed(str(n + 1)) for n in range(20)
        ]
        before, seen = resident_bytes(), lines_of(job)
        await until(lambda: lines_of(job) > seen + 5_000)
        assert resident_bytes() - before < 50 * 2**20
        os.kill(pid, signal.SIGKILL)
        await ended(bench, job)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def lines_of(job: Job) -> int:
    """How many lines of it have arrived."""
    return 0 if job.log is None else len(job.log._lines) + job.log._left_out  # pyright: ignore[reportPrivateUsage]

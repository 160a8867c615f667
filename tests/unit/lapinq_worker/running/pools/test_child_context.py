"""What `current_task()` tells and takes in child processes."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import msgspec

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Completed, Died, Outcome, Raised, Unstorable
from lapinq_core.runtime.settings import Settings
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.sample import child_tasks, tasks
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.workbench import Workbench, processes, until

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


def value(outcome: Outcome) -> Any:
    assert isinstance(outcome, Completed), outcome
    return msgspec.json.decode(outcome.result)


def quick(job: Job) -> Job:
    job.target.run_time.measured(1e-6)
    return job


async def test_a_task_knows_what_it_was_claimed_with() -> None:
    async with processes(limit=1, time_limit=50.0) as bench:
        job = make_job(child_tasks.who)
        job.claim.metadata = msgspec.Raw(b'{"tenant":"a"}')
        job.claim.queue_name, job.claim.claim_seq, job.claim.attempt = "video", 12345, 2
        job.claim.enqueued_at = 1_700_000_000.5
        bare = make_job(child_tasks.who)
        bare.claim.timeout = 500.0
        told, other = map(value, await bench.run(job, bare))
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
        assert (other["metadata"], other["enqueued_at"]) == ({}, None)


async def test_a_coroutine_in_a_child_knows_the_same() -> None:
    async with processes(limit=1) as bench:
        job = make_job(child_tasks.awho)
        job.claim.isolation = Isolation.ISOLATED
        (outcome,) = await bench.run(job)
        assert value(outcome)["id"] == job.claim.id


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


async def test_what_a_task_says_while_it_runs_is_passed_on(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        said: Said = []
        job = listened_to(make_job(child_tasks.say_and_wait, 12.7, "ä", str(tmp_path / "go")), said)
        bench.dispatcher.offer([job])
        await until(lambda: (job.claim.id, 12, "ä") in said)
        (tmp_path / "go").touch()
        await until(lambda: bench.settled)


@on_both_loops
async def test_the_last_word_comes_before_the_outcome() -> None:
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


@on_both_loops
async def test_the_last_words_and_lines_of_a_task_that_dies_arrive() -> None:
    async with processes(limit=1) as bench:
        for _ in range(5):
            said: Said = []
            job = listened_to(make_job(child_tasks.say_and_die, 66, "last words"), said)
            assert await bench.run(job) == [Died("the process that ran the task was killed by SIGSEGV")]
            assert said[-1] == (job.claim.id, 66, "last words")
            assert log_of(job).endswith("INFO last words")


async def test_saying_something_costs_microseconds() -> None:
    async with processes(limit=1) as bench:
        said: Said = []
        job = listened_to(make_job(child_tasks.say_much, 200_000), said)
        (seconds,) = map(value, await bench.run(job))
        assert seconds < 50e-6  # a system call each, on a busy machine, would take no less
        assert said[-1] == (job.claim.id, 100, "there")
        assert len(said) < 200


async def test_lines_are_kept_in_order_and_within_bounds() -> None:
    async with processes(limit=1) as bench:
        few, many, long = (
            make_job(child_tasks.log_lines, 3, "ä?"),
            make_job(child_tasks.log_lines, 10_000, "x" * 50),
            make_job(child_tasks.log_lines, 1, "y" * 5_000_000),
        )
        assert await bench.run(few, many, long) == [Completed("null")] * 3
        assert [line.split(" WARNING ")[1] for line in log_of(few).splitlines()] == [
            f"{n} ä\\ud800" for n in range(3)
        ]
        assert log_of(many).splitlines()[-1].endswith(f"9999 {'x' * 50}")
        assert len(log_of(many)) < 70_000
        assert len(log_of(long)) < 5_000


async def test_a_forked_copy_keeps_silent() -> None:
    async with processes(limit=1) as bench:
        job = make_job(child_tasks.log_in_fork)
        assert await bench.run(job, make_job(tasks.add, 1, 1)) == [Completed('"done"'), Completed("2")]
        assert [line.rpartition(" ")[2] for line in log_of(job).splitlines()] == ["before", "after"]


async def test_what_a_thread_says_after_its_task_ended_reaches_no_other() -> None:
    async with processes(limit=1) as bench:
        said: Said = []
        await bench.run(make_job(child_tasks.leave_thread_logging))
        jobs = [listened_to(make_job(child_tasks.work_around, 0.02), said) for _ in range(20)]
        assert await bench.run(*jobs) == [Completed('"through"')] * 20
        assert not said
        assert all(job.log is None for job in jobs)


async def test_a_running_task_learns_that_its_lease_is_in_doubt(tmp_path: Path) -> None:
    async with processes(limit=1) as bench:
        is_current = True
        job = listened_to(make_job(child_tasks.until_lost, str(tmp_path / "a")), [], lease=lambda: is_current)
        bench.dispatcher.offer([job])
        await until((tmp_path / "a").exists)
        is_current = False
        await until(lambda: bench.settled)
        assert bench.outcome(job) == Completed('"saw it"')


async def test_outside_of_a_call_there_is_no_task() -> None:
    async with processes(limit=1) as bench:
        (outcome,) = await bench.run(make_job(child_tasks.say, 101))
        assert isinstance(outcome, Raised)
        assert "must be a number between 0 and 100" in outcome.error


async def _one_child(bench: Workbench) -> int:
    return int(value((await bench.run(make_job(tasks.process_id)))[0]))


async def test_a_flood_of_lines_holds_up_nobody_when_its_child_is_stopped(tmp_path: Path) -> None:
    async with processes(limit=2) as bench:
        pid = await _one_child(bench)
        job = make_job(child_tasks.log_for_ever, str(tmp_path / "a"))
        bench.dispatcher.offer([job])
        await until((tmp_path / "a").exists)
        assert await bench.run(*[make_job(tasks.add, 1, n) for n in range(20)]) == [
            Completed(str(n + 1)) for n in range(20)
        ]
        with open("/proc/self/statm") as statm:  # noqa: ASYNC230, PTH123
            before = int(statm.read().split()[1])
        seen = lines_of(job)
        await until(lambda: lines_of(job) > seen + 5_000)
        with open("/proc/self/statm") as statm:  # noqa: ASYNC230, PTH123
            assert (int(statm.read().split()[1]) - before) * os.sysconf("SC_PAGE_SIZE") < 50 * 2**20
        os.kill(pid, signal.SIGKILL)
        await until(lambda: bench.ends[job])


def lines_of(job: Job) -> int:
    """How many lines of it have arrived."""
    return 0 if job.log is None else len(job.log._lines) + job.log._left_out  # pyright: ignore[reportPrivateUsage]

"""Jobs for child processes, and what can be seen of those processes from outside."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Cancelled, Completed, Died, Outcome
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.processes import ProcessPool
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.workbench import Workbench, until

ASKED = Cancelled("asked")
SEGFAULT = Died("the process that ran the task was killed by SIGSEGV")


def quick(job: Job) -> Job:
    """The job, known to be quick enough to go in a chunk with others."""
    job.target.run_time.measured(1e-6)
    return job


def chunk(*calls: tuple[Any, ...]) -> list[Job]:
    """Jobs that go to one child together."""
    return [quick(make_job(*call)) for call in calls]


def isolated(job: Job) -> Job:
    """The job, to be run in a child that has run nothing before."""
    job.claim.isolation = Isolation.ISOLATED
    return job


def pool_of(bench: Workbench) -> ProcessPool:
    """The pool of children."""
    assert isinstance(bench.pool, ProcessPool)
    return bench.pool


def cancel(bench: Workbench, job: Job) -> bool:
    """Asks for the stop of a job."""
    return pool_of(bench).cancel(job.claim.id, job.claim.token, ASKED)


def value(outcome: Outcome) -> Any:
    """What a function returned."""
    assert isinstance(outcome, Completed), outcome
    return msgspec.json.decode(outcome.result)


async def pid_of_child(bench: Workbench) -> int:
    """The process that runs the next function."""
    (outcome,) = await bench.run(make_job(tasks.process_id))
    return value(outcome)


async def ended(bench: Workbench, *jobs: Job) -> list[Outcome]:
    """The outcomes of jobs that were offered, once they are there."""
    await until(lambda: all(bench.ends[job] for job in jobs))
    return [bench.outcome(job) for job in jobs]


def is_gone(pid: int) -> bool:
    """Whether the process has ended; a zombie that nobody reaps has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def children() -> set[int]:
    """Our children that run tasks, dead ones too until they are waited for. A test run has other children besides."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids: set[int] = set()
    for path in found:
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            pids |= {int(child) for child in path.read_text().split()}
    return {pid for pid in pids if b"embedded.keeper" not in _command_of(pid)}


def _command_of(pid: int) -> bytes:
    """The command line; empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""

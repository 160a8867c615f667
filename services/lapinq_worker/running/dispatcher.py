"""Starts claimed tasks in order, at most `limit` at once.

The slots of the event loop take coroutines. Plain functions go to a pool. A few quick ones go in one chunk, which runs
them one after the other and takes one slot. That saves a hop for each. By their measured run times a chunk takes at
most two milliseconds.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Outcome, Unstarted
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.running.clocks import elapsed
from lapinq_worker.running.job import Job

MAX_CHUNK = 32
CHUNK_SECONDS = 0.002
MAX_ISOLATED = max(4, 2 * (os.cpu_count() or 1))
"""Isolated jobs at once. All that were lost with a large worker would be more processes than the machine can bear."""
_ISOLATED = int(Isolation.ISOLATED)

OnEnded = Callable[[Job, Outcome, float], None]


class Pool(Protocol):
    """Runs plain functions. It calls `Dispatcher.ended` for each job and `Dispatcher.slot_freed` once a chunk."""

    def start(self, jobs: list[Job]) -> None:
        """Runs `jobs` one after the other."""
        ...


class IsolatedPool(Protocol):
    """Runs jobs that must run alone, coroutines too. It calls the same."""

    def start_isolated(self, job: Job) -> None:
        """Runs it where nothing else runs."""
        ...


class Dispatcher:
    """Stands between fetcher and pools.

    `starts` gets the claim of each job that starts: of a coroutine from its slot, which may still give the job back.
    `on_ended` gets each job with its outcome and run time. `on_low` is called when at most `low_water` jobs are in
    hand. While `may_start` is false nothing starts, because the lease of the waiting jobs is in doubt.
    """

    def __init__(
        self,
        limit: int,
        on_ended: OnEnded,
        *,
        on_low: Callable[[], None],
        may_start: Callable[[], bool],
        starts: list[Claim] | None = None,
    ) -> None:
        self.limit = limit
        self.starts = [] if starts is None else starts
        self.low_water = 0
        self.started_count = 0
        self.ended_count = 0
        self.waiting: deque[Job] = deque()
        self.active = 0
        self.idle = asyncio.Event()  # set while nothing runs
        self.idle.set()
        self.last_start = time.monotonic()
        self._on_ended = on_ended
        self._on_low = on_low
        self._may_start = may_start
        self._pool: Pool | None = None
        self._isolated: IsolatedPool | None = None
        self._isolated_jobs: set[Job] = set()  # in hand
        self._parked: deque[asyncio.Future[Job]] = deque()
        self._in_transit: set[Job] = set()  # to slots that have not woken yet

    def use(self, pool: Pool, isolated: IsolatedPool | None = None) -> None:
        """Plain functions go to `pool`, isolated jobs to `isolated`."""
        self._pool = pool
        self._isolated = isolated

    @property
    def in_hand(self) -> int:
        """How many jobs wait here or run."""
        return len(self.waiting) + self.active

    @property
    def isolated_places(self) -> int:
        """How many more isolated jobs it takes."""
        return min(MAX_ISOLATED, self.limit) - len(self._isolated_jobs)

    def offer(self, jobs: Sequence[Job]) -> list[Job]:
        """Takes in jobs, which start in this order. Returns the isolated ones for which it has no place."""
        isolated = [job for job in jobs if job.claim.isolation >= _ISOLATED]
        places = self.isolated_places
        self._isolated_jobs.update(isolated[:places])
        refused = isolated[places:]
        self.waiting.extend([job for job in jobs if job not in refused] if refused else jobs)
        self.start_what_fits()
        return refused

    def take(self) -> Job | None:
        """The next coroutine to run, None if none may start now. Starts the plain functions before it.

        The caller runs the job and calls `ended` and `slot_freed`.
        """
        waiting = self.waiting
        while waiting and self.active < self.limit and self._may_start():
            job = waiting.popleft()
            self.last_start = time.monotonic()
            if job.expires is not None and job.expires <= elapsed():
                # Released, because its time to live ended while it waited here; maintenance expires it.
                self._isolated_jobs.discard(job)
                self._on_ended(job, Unstarted(), 0.0)
                continue
            self.active += 1
            self.started_count += 1
            self.idle.clear()
            if job.claim.isolation >= _ISOLATED and self._isolated is not None:
                self.starts.append(job.claim)
                self._isolated.start_isolated(job)
                continue
            if job.target.is_coroutine:
                return job
            self._start_chunk(job)
        return None

    async def next(self) -> Job:
        """Like `take`, but waits until there is one."""
        job = self.take()
        if job is not None:
            return job
        future: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._parked.append(future)
        try:
            job = await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                # The job was in transit: it goes to another slot.
                self._in_transit.discard(future.result())
                self._put_back(future.result())
                self.start_what_fits()
            raise
        self._in_transit.discard(job)
        return job

    @any_thread
    def unstarted(self) -> list[Job]:
        """The jobs that have not started. They stay here."""
        return [*self._in_transit, *self.waiting]

    def take_unstarted(self, which: Callable[[Job], bool] = lambda _: True) -> list[Job]:
        """Takes out the jobs that have not started, or those of them that `which` names. The others stay in order."""
        jobs = list(self.waiting)
        taken = [job for job in jobs if which(job)]
        if taken:
            self.waiting.clear()
            self.waiting.extend(job for job in jobs if not which(job))
            self._isolated_jobs.difference_update(taken)
        return taken

    def take_out(self, task_id: str, token: str) -> Job | None:
        """Takes out the job of this claim, if it waits here."""
        for job in self.waiting:
            if job.claim.id == task_id and job.claim.token == token:
                self.waiting.remove(job)
                self._isolated_jobs.discard(job)
                return job
        return None

    def ended(self, job: Job, outcome: Outcome, seconds: float) -> None:
        """A job has ended."""
        self.ended_count += 1
        if self._isolated_jobs:
            self._isolated_jobs.discard(job)
        if job.calls is not None:
            job.calls.end()
        self._on_ended(job, outcome, seconds)

    def slot_freed(self) -> None:
        """A slot is free again. A coroutine slot, which takes its next job itself, calls `job_done` instead."""
        self.job_done()
        self.start_what_fits()

    def job_done(self) -> None:
        """A coroutine slot is done with its job and about to take the next."""
        self._less_active()
        if len(self.waiting) + self.active <= self.low_water:
            self._on_low()

    def start_what_fits(self) -> None:
        """Starts all that may start. Call this when `may_start` may have changed."""
        while (job := self.take()) is not None:
            while self._parked and (slot := self._parked.popleft()):
                if not slot.done():
                    self._in_transit.add(job)
                    slot.set_result(job)
                    break
            else:
                # Every slot is awake and about to take a job: leave it to them.
                self._put_back(job)
                return

    def _put_back(self, job: Job) -> None:
        """It was taken but has not begun."""
        self.waiting.appendleft(job)
        self.started_count -= 1
        self._less_active()

    def _less_active(self) -> None:
        self.active -= 1
        if self.active == 0:
            self.idle.set()

    def _start_chunk(self, job: Job) -> None:
        assert self._pool is not None, "the worker sets a pool before it offers jobs"
        jobs = [job]
        waiting = self.waiting
        spent = job.target.run_time.seconds
        while (
            spent < CHUNK_SECONDS
            and len(jobs) < MAX_CHUNK
            and waiting
            and not (waiting[0].target.is_coroutine or waiting[0].claim.isolation >= _ISOLATED)
            and waiting[0].claim.parents is None
        ):
            spent += waiting[0].target.run_time.seconds
            if spent > CHUNK_SECONDS:
                break
            jobs.append(waiting.popleft())
        self.started_count += len(jobs) - 1
        self.starts.extend([job.claim for job in jobs])
        self._pool.start(jobs)

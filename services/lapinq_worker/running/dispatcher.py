"""Claimed tasks on their way to a place to run: in order, at most `limit` at once.

Coroutines are taken by the slots of the event loop. Plain functions are handed to a pool; a few quick ones may go
in one chunk that runs one after the other and counts as one, which saves a hop for each: as many as by their measured
run times take two milliseconds together.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Outcome, Unstarted
from lapinq_worker.running.clocks import elapsed
from lapinq_worker.running.job import Job

MAX_CHUNK = 32
CHUNK_SECONDS = 0.002
_ISOLATED = int(Isolation.ISOLATED)

OnEnded = Callable[[Job, Outcome, float], None]


class Pool(Protocol):
    """A place for functions. It calls `Dispatcher.ended` for each job and `Dispatcher.freed` once a chunk."""

    def start(self, jobs: list[Job]) -> None:
        """Runs `jobs` one after the other."""
        ...


class IsolatedPool(Protocol):
    """A place for jobs that must run alone, coroutines too. It calls the same."""

    def start_isolated(self, job: Job) -> None:
        """Runs it where nothing else runs."""
        ...


class Dispatcher:
    """The hand-over between fetcher and pools, on one event loop.

    `on_ended` gets each job with its outcome and run time; `on_low` is called when no more than `low_water` jobs are
    in hand. Nothing is started while `may_start` says no: the lease of what waits here is in doubt.
    """

    def __init__(
        self, limit: int, on_ended: OnEnded, *, on_low: Callable[[], None], may_start: Callable[[], bool]
    ) -> None:
        self.limit = limit
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
        self._parked: deque[asyncio.Future[Job]] = deque()
        self._on_the_way: set[Job] = set()  # to slots that have not woken yet

    def use(self, pool: Pool, isolated: IsolatedPool | None = None) -> None:
        """Sends plain functions to `pool`, and jobs that must run alone to `isolated`."""
        self._pool = pool
        self._isolated = isolated

    @property
    def in_hand(self) -> int:
        """Jobs waiting here or running."""
        return len(self.waiting) + self.active

    def offer(self, jobs: Iterable[Job]) -> None:
        """Takes in jobs, to be started in this order."""
        self.waiting.extend(jobs)
        self.start_what_fits()

    def take(self) -> Job | None:
        """The next coroutine to run, None when there is none to start now; starts plain functions that stand before it.

        The caller runs the job and calls `ended` and `freed`.
        """
        waiting = self.waiting
        while waiting and self.active < self.limit and self._may_start():
            job = waiting.popleft()
            self.last_start = time.monotonic()
            if job.expires is not None and job.expires <= elapsed():
                # Released, because its time to live ended while it waited here; maintenance expires it.
                self._on_ended(job, Unstarted(), 0.0)
                continue
            self.active += 1
            self.started_count += 1
            self.idle.clear()
            if job.claim.isolation >= _ISOLATED and self._isolated is not None:
                self._isolated.start_isolated(job)
                continue
            if job.target.is_coroutine:
                return job
            self._start_chunk(job)
        return None

    async def next(self) -> Job:
        """As `take`, waiting until there is one."""
        job = self.take()
        if job is not None:
            return job
        future: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._parked.append(future)
        try:
            job = await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                # The job was on its way already: it goes to another.
                self._on_the_way.discard(future.result())
                self._put_back(future.result())
                self.start_what_fits()
            raise
        self._on_the_way.discard(job)
        return job

    def unstarted(self) -> list[Job]:
        """The jobs whose functions were not called yet, which stay here; for another thread."""
        return [*self._on_the_way, *self.waiting]

    def take_unstarted(self) -> list[Job]:
        """Takes out the jobs that have not started."""
        jobs = list(self.waiting)
        self.waiting.clear()
        return jobs

    def take_out(self, task_id: str, token: str) -> Job | None:
        """Takes out the job with this claim, if it waits here."""
        for job in self.waiting:
            if job.claim.id == task_id and job.claim.token == token:
                self.waiting.remove(job)
                return job
        return None

    def ended(self, job: Job, outcome: Outcome, seconds: float) -> None:
        """A job is through."""
        self.ended_count += 1
        self._on_ended(job, outcome, seconds)

    def freed(self) -> None:
        """A place to run is free again; a slot that takes its next job itself calls `took_leave` instead."""
        self.took_leave()
        self.start_what_fits()

    def took_leave(self) -> None:
        """A slot is done with its job and about to ask for the next."""
        self._less_active()
        if len(self.waiting) + self.active <= self.low_water:
            self._on_low()

    def start_what_fits(self) -> None:
        """Starts what may be started; to be called when `may_start` may have changed."""
        while (job := self.take()) is not None:
            while self._parked and (slot := self._parked.popleft()):
                if not slot.done():
                    self._on_the_way.add(job)
                    slot.set_result(job)
                    break
            else:
                # Every slot is awake and about to take: leave the job to them.
                self._put_back(job)
                return

    def _put_back(self, job: Job) -> None:
        """It was taken, and not begun."""
        self.waiting.appendleft(job)
        self.started_count -= 1
        self._less_active()

    def _less_active(self) -> None:
        self.active -= 1
        if self.active == 0:
            self.idle.set()

    def _start_chunk(self, job: Job) -> None:
        assert self._pool is not None, "a pool is set before jobs are offered"
        jobs = [job]
        waiting = self.waiting
        spent = job.target.run_time.seconds
        while (
            spent < CHUNK_SECONDS
            and len(jobs) < MAX_CHUNK
            and waiting
            and not (waiting[0].target.is_coroutine or waiting[0].claim.isolation >= _ISOLATED)
        ):
            spent += waiting[0].target.run_time.seconds
            if spent > CHUNK_SECONDS:
                break
            jobs.append(waiting.popleft())
        self.started_count += len(jobs) - 1
        self._pool.start(jobs)

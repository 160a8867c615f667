"""Runs plain functions in threads of the worker's process.

A thread can't be stopped from outside, only asked. At its job's time limit, or on a cancel request,
`current_task().cancelled` becomes true, and a function that checks it can return. A thread that does not return within
the grace period is abandoned: its job is settled without it, its later result is dropped (`lease_lost` tells it so),
and another thread replaces it. It keeps what it uses until it returns by itself, perhaps beside the next attempt at the
same task. If that is not acceptable, use processes. The worker's process ends without waiting for abandoned threads.

The thread begins and finishes a job under its lock, and the event loop abandons the thread under the same lock. So each
job begins once and is settled once.
"""

import asyncio
import logging
import queue
import threading
import time
from collections import deque

from lapinq_core.domain.tasks.diagnostics.task_lines import log_start
from lapinq_core.domain.tasks.outcome import Interrupted, Outcome, TimedOut, Unstarted
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.calling import call
from lapinq_worker.running.pools.verdict import verdict
from lapinq_worker.running.time_limits import Limits
from lapinq_worker.running.unsettled import Unsettled

SWEEP_SECONDS = 0.2

log = logging.getLogger(__name__)


class _Chunk:
    """Jobs for one thread, and how many interruptions came before: after another one they do not begin."""

    __slots__ = ("interruptions", "jobs")

    def __init__(self, interruptions: int, jobs: list[Job]) -> None:
        self.interruptions = interruptions
        self.jobs = jobs


class _Thread:
    """One thread and its chunk: the `current` job and the `rest`. Read and write them under `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rest: deque[Job] = deque()
        self.current: Job | None = None
        self.stop_outcome: Outcome | None = None  # what its job ends as, once it was asked to stop
        self.abandon_at = 0.0  # when it is abandoned if its job has not ended by then
        self.abandoned = False


class ThreadPool:
    """Starts a thread when there are more chunks than threads."""

    def __init__(self, dispatcher: Dispatcher, limits: Limits) -> None:
        self._dispatcher = dispatcher
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._todo: queue.SimpleQueue[_Chunk | None] = queue.SimpleQueue()
        self._waiting: set[_Chunk] = set()  # the same chunks, until a thread has them
        self._interruptions = 0
        self._done: deque[Unsettled | None] = deque()  # None: a chunk has ended
        self._collecting = False
        self._threads: set[_Thread] = set()
        self._is_short_of_threads = False
        self._busy = 0

    def start(self, jobs: list[Job]) -> None:
        """Runs `jobs` one after the other in a thread."""
        self._busy += 1
        for job in jobs:
            job.host.loop = self._loop
        self._put(jobs)

    async def run(self) -> None:
        """Enforces the time limits until cancelled, then ends idle threads."""
        try:
            pause = SWEEP_SECONDS
            while True:
                await asyncio.sleep(pause)
                self._start_threads()
                now = time.perf_counter()
                due = min((self._check(thread, now) for thread in list(self._threads)), default=now + 1.0)
                pause = min(SWEEP_SECONDS, max(0.02, due - now))
        finally:
            for _ in self._threads:
                self._todo.put(None)

    def interrupt(self, outcome: Outcome) -> None:
        """Settles running jobs as `outcome`. Their threads go on until the functions return."""
        self._interruptions += 1
        for thread in list(self._threads):
            self._abandon(thread, outcome)
        if not self._threads:
            self._release_waiting()

    def cancel(self, task_id: str, token: str, outcome: Outcome) -> bool:
        """Asks the function of that claim to stop. False if the pool does not have it.

        A job that waits behind others in a chunk is taken out.
        """
        for thread in self._threads:
            with thread.lock:
                current = thread.current
                if current is not None and _is_claim(current, task_id, token):
                    if not isinstance(thread.stop_outcome, type(outcome)):
                        self._request_stop(thread, current, outcome, self._limits.cancel_grace)
                    return True
                waiting = next((job for job in thread.rest if _is_claim(job, task_id, token)), None)
                if waiting is not None:
                    thread.rest.remove(waiting)
            if waiting is not None:
                self._dispatcher.ended(waiting, outcome, 0.0)
                return True
        return False

    @any_thread
    def halt(self) -> list[Unsettled]:
        """Tells running functions to stop and that their results are dropped. No other function begins.

        Returns all jobs in the pool, including ended ones that are not settled yet. For a blocked event loop.
        """
        self._interruptions += 1
        now = time.perf_counter()
        # In the order in which jobs move on, so that none slips through: what is seen twice has come further by then.
        found = {job: Unsettled(job, Unstarted(), 0.0) for chunk in list(self._waiting) for job in chunk.jobs}
        for thread in list(self._threads):
            with thread.lock:
                self._done.extend(Unsettled(job, Unstarted(), 0.0) for job in thread.rest)
                thread.rest.clear()
                if (job := thread.current) is not None:
                    job.is_cancelled = job.is_lost = True
                    found[job] = Unsettled(job, thread.stop_outcome or Interrupted(), now - job.started)
        found |= {end.job: end for end in list(self._done) if end is not None}
        return list(found.values())

    def _put(self, jobs: list[Job]) -> None:
        chunk = _Chunk(self._interruptions, jobs)
        self._waiting.add(chunk)
        self._todo.put(chunk)
        self._start_threads()

    def _start_threads(self) -> None:
        """One for each chunk. If some can't start now, the next sweep tries again."""
        while self._busy > len(self._threads):
            thread = _Thread()
            self._threads.add(thread)
            try:
                # Daemon threads: the process must be able to end while one hangs.
                threading.Thread(
                    target=self._serve, args=(thread,), name="lapinq task thread", daemon=True
                ).start()
            except RuntimeError as error:
                self._threads.discard(thread)
                if not self._is_short_of_threads:
                    log.error("can't start a thread for tasks (%s); trying again", error)  # noqa: TRY400
                self._is_short_of_threads = True
                return
            self._is_short_of_threads = False

    def _release_waiting(self) -> None:
        """Releases the chunks: there is no thread to take them and notice the interruption."""
        chunks, self._waiting = self._waiting, set()
        self._todo = queue.SimpleQueue()
        self._collect()
        for chunk in chunks:
            for job in chunk.jobs:
                self._dispatcher.ended(job, Unstarted(), 0.0)
            self._free()

    def _serve(self, thread: _Thread) -> None:
        while not thread.abandoned and (chunk := self._todo.get()) is not None:
            with thread.lock:
                if chunk.interruptions == self._interruptions:
                    thread.rest.extend(chunk.jobs)
                else:
                    self._done.extend(Unsettled(job, Unstarted(), 0.0) for job in chunk.jobs)
                self._waiting.discard(chunk)
            while (job := _begin(thread)) is not None:
                if job.target.log is not None:
                    log_start(job.target.log, job.claim)
                outcome = call(
                    job.target,
                    job.arguments,
                    attempt=job,
                    max_result_size=self._limits.max_result_size,
                )
                with thread.lock:
                    if thread.abandoned:
                        return
                    thread.current = None
                    outcome = verdict(job, outcome, thread.stop_outcome)
                    self._report(Unsettled(job, outcome, time.perf_counter() - job.started))
            with thread.lock:
                if not thread.abandoned:
                    self._report(None)

    def _report(self, end: Unsettled | None) -> None:
        self._done.append(end)
        if not self._collecting:
            self._collecting = True
            try:
                self._loop.call_soon_threadsafe(self._collect)
            except RuntimeError:
                return  # the loop is closed: the process is ending

    def _collect(self) -> None:
        self._collecting = False
        while self._done:
            end = self._done.popleft()
            if end is None:
                self._free()
            else:
                job, outcome, seconds = end
                if type(outcome) is not Unstarted:
                    job.target.run_time.measured(seconds)
                self._dispatcher.ended(job, outcome, seconds)

    def _check(self, thread: _Thread, now: float) -> float:
        """Returns when to check the thread again."""
        with thread.lock:
            job = thread.current
            if job is None:
                return now + 1.0
            if thread.stop_outcome is None:
                limit = self._limits.time_limit_of(job.claim)
                if now < job.started + limit:
                    return job.started + limit
                self._request_stop(thread, job, TimedOut(limit), self._limits.time_limit_grace)
            if now < thread.abandon_at:
                return thread.abandon_at
        self._abandon_late(thread, job)
        return now + 1.0

    def _request_stop(self, thread: _Thread, job: Job, outcome: Outcome, grace: float) -> None:
        """Asks the job to stop, perhaps again for another reason. That never extends the time it was given before."""
        now = time.perf_counter()
        if thread.stop_outcome is None:
            limit_at = job.started + self._limits.time_limit_of(job.claim)
            thread.abandon_at = max(now, limit_at) + self._limits.time_limit_grace
        thread.abandon_at = min(thread.abandon_at, now + grace)
        thread.stop_outcome = outcome
        job.is_cancelled = True

    def _abandon_late(self, thread: _Thread, late: Job) -> None:
        with thread.lock:
            if thread.current is not late or thread.stop_outcome is None:
                return
            thread.abandoned = late.is_lost = True
        self._threads.discard(thread)
        self._collect()
        self._dispatcher.ended(late, thread.stop_outcome, time.perf_counter() - late.started)
        if thread.rest:
            self._put(list(thread.rest))
        else:
            self._free()

    def _abandon(self, thread: _Thread, outcome: Outcome) -> None:
        with thread.lock:
            job = thread.current
            if job is None and not thread.rest:
                return
            thread.abandoned = True
            if job is not None:
                job.is_cancelled = job.is_lost = True
        self._threads.discard(thread)
        self._collect()
        if job is not None:
            self._dispatcher.ended(job, thread.stop_outcome or outcome, time.perf_counter() - job.started)
        for unstarted in thread.rest:
            self._dispatcher.ended(unstarted, Unstarted(), 0.0)
        self._free()

    def _free(self) -> None:
        self._busy -= 1
        self._dispatcher.slot_freed()


def _begin(thread: _Thread) -> Job | None:
    with thread.lock:
        if thread.abandoned or not thread.rest:
            return None
        job = thread.current = thread.rest.popleft()
        thread.stop_outcome = None
        job.started = time.perf_counter()
        return job


def _is_claim(job: Job, task_id: str, token: str) -> bool:
    return job.claim.id == task_id and job.claim.token == token

"""Runs plain functions in child processes, which are spawned, reused, and replaced when they die or are worn out.

A child runs one function at a time. At the time limit the function is told, and a little later its whole process group
is killed, which also ends code that is stuck in C and everything it started. A child that dies charges only the
function it was running; the rest of its chunk runs in another child. An isolated task, which may have crashed its
process before, runs alone in a child that has run nothing else.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Coroutine

from lapinq_core.domain.tasks.outcome import Interrupted, Outcome, Unstarted
from lapinq_core.runtime.settings import Settings
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.child_side.frames import Report, frame
from lapinq_worker.running.pools.parent_side.calls import greeting_of
from lapinq_worker.running.pools.parent_side.child_end import EXIT_GRACE_SECONDS, end_all, outcome_at_exit
from lapinq_worker.running.pools.parent_side.child_process import ChildProcess
from lapinq_worker.running.pools.parent_side.child_watch import LOOK_SECONDS, check, is_worn_out
from lapinq_worker.running.pools.parent_side.pending_reports import unsettled_jobs
from lapinq_worker.running.pools.verdict import verdict
from lapinq_worker.running.time_limits import Limits
from lapinq_worker.running.unsettled import Unsettled

START_DEADLINE_SECONDS = 120.0  # importing what the worker is told to import may take long
START_RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


class ProcessPool:
    """At most `worker_concurrency` children, started as they are needed."""

    def __init__(
        self, dispatcher: Dispatcher, settings: Settings, limits: Limits, *, logs_tasks: bool = False
    ) -> None:
        """With `logs_tasks` the children log the start of each task."""
        self._dispatcher = dispatcher
        self._limit = settings.worker_concurrency
        self._limits = limits
        self._greeting = frame(greeting_of(settings, limits, logs_tasks=logs_tasks))
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        self._dying: set[ChildProcess] = set()  # until they are reaped
        self._todo: deque[list[Job]] = deque()
        self._todo_isolated: deque[list[Job]] = deque()  # each until a child has started for it
        self._starting = 0
        self._launching: set[ChildProcess] = set()
        self._stopped = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_work = asyncio.Event()

    def start(self, jobs: list[Job]) -> None:
        """Runs `jobs` one after the other in a child."""
        while self._idle:
            child = self._idle.pop()
            if not child.is_doomed:
                self._hand_over(child, jobs)
                return
        self._todo.append(jobs)
        self._start_children()

    def start_isolated(self, job: Job) -> None:
        """Runs `job`, which may be a coroutine, alone in a child that has run nothing before."""
        self._todo_isolated.append([job])
        self._start_children()

    def cancel(self, task_id: str, token: str, outcome: Outcome) -> bool:
        """Asks the function of that claim to stop. False if the pool does not have it.

        If it does not stop within the grace period, it is killed. A job that waits for a child is settled at once. A
        job that waits in a child is settled when the child comes to it and skips it.
        """

        def is_meant(job: Job) -> bool:
            return job.claim.id == task_id and job.claim.token == token

        for todo in (self._todo, self._todo_isolated):
            for jobs in todo:
                for job in filter(is_meant, jobs):
                    jobs.remove(job)
                    self._dispatcher.ended(job, outcome, 0.0)
                    if not jobs:
                        todo.remove(jobs)
                        self._dispatcher.slot_freed()
                    return True
        for child in (*self._busy, *self._dying):
            for job in filter(is_meant, child.surplus):
                child.surplus.remove(job)
                self._dispatcher.ended(job, outcome, 0.0)
                return True
            for job in filter(is_meant, child.jobs):
                if not job.is_cancelled:
                    child.cancel(job, outcome, time.perf_counter() + self._limits.cancel_grace)
                return True
        return False

    async def run(self) -> None:
        """Checks busy children until cancelled, then ends all children."""
        try:
            while True:
                if not self._busy:
                    self._has_work.clear()
                    await self._has_work.wait()
                now = time.perf_counter()
                waits = [check(child, self._limits, now) for child in self._busy]
                await asyncio.sleep(min(waits, default=LOOK_SECONDS))
        finally:
            await self._end()

    def interrupt(self, outcome: Outcome) -> None:
        """Kills busy children. Running jobs end as `outcome`, others as `Unstarted`."""
        for child in self._busy:
            child.interrupt(outcome)
        for child in self._dying:
            child.interruption = outcome  # its running job killed it; the rest of its jobs must not run
        todo = [*self._todo, *self._todo_isolated]
        self._todo.clear()
        self._todo_isolated.clear()
        for jobs in todo:
            self._release(jobs)

    @any_thread
    def pids(self) -> list[int]:
        """The children's process ids."""
        return [child.pid for child in (*self._idle, *self._busy, *self._dying)]

    @any_thread
    def halt(self) -> list[Unsettled]:
        """Kills all children. Returns all jobs in the pool, with what their children reported.

        For a blocked event loop.
        """
        for child in (*self._launching, *self._idle, *self._busy, *self._dying):
            child.kill(Interrupted())
        waiting = [job for jobs in (*self._todo, *self._todo_isolated) for job in jobs]
        return [
            *(Unsettled(job, Unstarted(), 0.0) for job in waiting),
            *unsettled_jobs([*self._busy, *self._dying]),
        ]

    def reported(self, child: ChildProcess, job: Job, report: Report) -> None:
        """A child finished a job."""
        outcome = report.outcome
        if report.progress is not None:
            job.host.note_progress(job.claim, *report.progress)
        if report.profile is not None:
            job.host.note_profile(job.claim, report.profile)
        if child.stop_requests or report.is_committed:
            request = child.stop_requests.pop(job, None)
            job.is_committed = report.is_committed
            outcome = verdict(job, outcome, None if request is None else request.outcome)
        if type(report.outcome) is not Unstarted:
            job.target.run_time.measured(report.seconds)
        self._dispatcher.ended(job, outcome, report.seconds)
        if not child.jobs:
            self._finished(child)

    def lost(self, child: ChildProcess) -> None:
        """A child died, was killed, or was told to end."""
        if self._stopped:
            return
        if child in self._idle:
            self._idle.remove(child)
        self._busy.discard(child)
        self._dying.add(child)
        self._track(self._reap(child))
        self._start_children()

    async def _reap(self, child: ChildProcess) -> None:
        if child.is_retired:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EXIT_GRACE_SECONDS):
                    await child.exited()
        code = await child.end()
        self._dying.discard(child)
        if not child.jobs and not child.surplus:
            return
        child.pass_on_progress()
        seconds = time.perf_counter() - child.page.started
        for _ in range(child.position + 1):
            job, is_committed = child.take_first()
            job.is_committed = is_committed
            self._dispatcher.ended(job, outcome_at_exit(child, job, code), seconds)
        for job in child.jobs:
            if (request := child.stop_requests.get(job)) is not None:
                self._dispatcher.ended(job, request.outcome, 0.0)
        self._run_elsewhere(
            child, [job for job in (*child.jobs, *child.surplus) if job not in child.stop_requests]
        )

    def _finished(self, child: ChildProcess) -> None:
        self._busy.discard(child)
        rest, child.surplus = child.surplus, []
        if child.is_doomed:
            self._dying.add(child)
        elif is_worn_out(child, self._limits):
            self._retire(child)
        else:
            self._use(child)
        self._run_elsewhere(child, rest)

    def _run_elsewhere(self, child: ChildProcess, rest: list[Job]) -> None:
        """Runs the rest of a chunk in another child than `child`."""
        if rest and child.interruption is None:
            self.start(rest)
        else:
            self._release(rest)
        self._start_children()

    def _release(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._dispatcher.ended(job, Unstarted(), 0.0)
        self._dispatcher.slot_freed()

    def _hand_over(self, child: ChildProcess, jobs: list[Job]) -> None:
        most = self._limits.max_tasks_per_child
        room = len(jobs) if most is None else most - child.calls
        child.surplus = jobs[room:]
        self._busy.add(child)
        self._has_work.set()
        child.run(jobs[:room], self._limits)

    def _use(self, child: ChildProcess) -> None:
        if self._todo_isolated and not child.calls:
            self._hand_over(child, self._todo_isolated.popleft())
        elif self._todo:
            self._hand_over(child, self._todo.popleft())
        else:
            self._idle.append(child)

    def _retire(self, child: ChildProcess) -> None:
        child.is_retired = True
        self._dying.add(child)
        child.hang_up()

    def _start_children(self) -> None:
        """Starts one for each waiting chunk, within the limit."""
        for child in list(self._idle):
            if self._todo_isolated and not (child.calls or child.is_doomed):
                self._idle.remove(child)
                self._use(child)
        while self._starting < len(self._todo) + len(self._todo_isolated) and not self._stopped:
            if self._starting + len(self._busy) + len(self._idle) >= self._limit:
                if not (self._todo_isolated and self._idle):
                    return
                # It has run something; a fresh one replaces it.
                self._retire(self._idle.pop(0))
            self._starting += 1
            self._track(self._spawn())

    async def _spawn(self) -> None:
        child = ChildProcess(self)
        self._launching.add(child)
        try:
            async with asyncio.timeout(START_DEADLINE_SECONDS):
                await child.launch(self._greeting)
        except Exception as error:  # noqa: BLE001  # a loop's turn: the jobs keep waiting for a child
            log.error(  # noqa: TRY400  # the traceback is ours and says nothing
                "can't start a process for tasks (%s); trying again in %g s",
                str(error) or type(error).__name__,
                START_RETRY_SECONDS,
            )
            await child.end()
            await asyncio.sleep(START_RETRY_SECONDS)
        except BaseException:  # the pool ends
            await child.end()
            raise
        else:
            if not child.is_doomed:  # otherwise it was lost again
                self._use(child)
        finally:
            self._launching.discard(child)
            self._starting -= 1
        self._start_children()

    async def _end(self) -> None:
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await end_all([*self._idle, *self._busy, *self._dying])
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _track(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

"""Runs plain functions in child processes: spawned clean, reused, replaced when they die.

A child runs one function at a time. At the time limit, or when the worker stops, its whole process group is killed, so
also code that is stuck in C and what it started. A child that dies charges only the function it was running; what was
handed over with it and not begun goes on in another child.
"""

import asyncio
import logging
import signal
import sys
import time
from collections import deque
from collections.abc import Coroutine

from lapinq_core.domain.outcome import Died, Interrupted, Outcome, TimedOut, Unstarted, WorkerLost
from lapinq_worker.dispatcher import Dispatcher
from lapinq_worker.job import Job
from lapinq_worker.pools.child_process import ChildProcess
from lapinq_worker.pools.frames import Greeting, Report, frame

START_DEADLINE_SECONDS = 120.0  # importing what the worker is told to import may take long
START_RETRY_SECONDS = 1.0
EXIT_GRACE_SECONDS = 1.0

log = logging.getLogger(__name__)


class ProcessPool:
    """At most `limit` children, started as they are needed; `time_limit` in seconds a job."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        limit: int,
        time_limit: float,
        allowed: tuple[str, ...],
        imports: tuple[str, ...],
    ) -> None:
        self._dispatcher = dispatcher
        self._limit = limit
        self._time_limit = time_limit
        self._greeting = frame(Greeting(sys.path, list(allowed), list(imports)))
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        self._todo: deque[list[Job]] = deque()
        self._starting = 0
        self._stopped = False
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, jobs: list[Job]) -> None:
        """Runs `jobs` one after the other in a child."""
        while self._idle:
            child = self._idle.pop()
            if not child.is_doomed:
                self._hand_over(child, jobs)
                return
        self._todo.append(jobs)
        self._start_child()

    async def run(self) -> None:
        """Watches over the time limits until cancelled, then ends the children."""
        try:
            while True:
                await asyncio.sleep(max(0.02, min(self._time_limit / 20, 0.5)))
                now = time.perf_counter()
                for child in self._busy:
                    if not child.is_doomed and now - child.started > self._time_limit:
                        child.kill(TimedOut(self._time_limit))
        finally:
            await self._end()

    def interrupt(self, outcome: Outcome) -> None:
        """Kills the children that run something; the job ends as `outcome`, what was not begun as `Unstarted`."""
        for child in self._busy:
            child.kill(outcome)
        todo, self._todo = self._todo, deque()
        for jobs in todo:
            self._give_up(jobs)

    def reported(self, child: ChildProcess, job: Job, report: Report) -> None:
        """A child is through with a job."""
        job.target.run_time.measured(report.seconds)
        self._dispatcher.ended(job, report.outcome, report.seconds)
        if child.jobs:
            return
        self._busy.discard(child)
        if not child.is_doomed:
            self._welcome(child)
        self._dispatcher.freed()

    def lost(self, child: ChildProcess) -> None:
        """A child died, was killed, or was told to end."""
        if self._stopped:
            return
        if child in self._idle:
            self._idle.remove(child)
        self._busy.discard(child)
        self._track(self._bury(child))
        if self._todo:
            self._start_child()

    async def _bury(self, child: ChildProcess) -> None:
        code = await child.end()
        if not child.jobs:
            return
        job = child.jobs.popleft()
        match child.ending:
            case None:
                outcome = Died(f"the process that ran the task {_how(code)}")
            case (guilty, ending) if guilty is job:
                outcome = ending
            case _:
                # It had just begun when the process was killed because of the one before.
                outcome = Interrupted()
        self._dispatcher.ended(job, outcome, time.perf_counter() - child.started)
        rest = list(child.jobs)
        if rest and not isinstance(outcome, (Interrupted, WorkerLost)):
            self.start(rest)
        else:
            self._give_up(rest)

    def _give_up(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._dispatcher.ended(job, Unstarted(), 0.0)
        self._dispatcher.freed()

    def _hand_over(self, child: ChildProcess, jobs: list[Job]) -> None:
        self._busy.add(child)
        child.run(jobs)

    def _welcome(self, child: ChildProcess) -> None:
        if self._todo:
            self._hand_over(child, self._todo.popleft())
        else:
            self._idle.append(child)

    def _start_child(self) -> None:
        if self._starting + len(self._busy) + len(self._idle) < self._limit and not self._stopped:
            self._starting += 1
            self._track(self._spawn())

    async def _spawn(self) -> None:
        child = ChildProcess(self)
        try:
            async with asyncio.timeout(START_DEADLINE_SECONDS):
                await child.launch(self._greeting)
        except Exception as error:  # noqa: BLE001  # a loop's turn: the jobs go on waiting for a child
            log.error(  # noqa: TRY400  # the traceback is ours and tells nothing
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
            self._welcome(child)
        finally:
            self._starting -= 1
        if self._todo:
            self._start_child()

    async def _end(self) -> None:
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        children = [*self._idle, *self._busy]
        for child in children:
            child.hang_up()
        ends = [asyncio.create_task(child.exited()) for child in children]
        if ends:
            await asyncio.wait(ends, timeout=EXIT_GRACE_SECONDS)
        await asyncio.gather(*(child.end() for child in children), *self._tasks, return_exceptions=True)
        for end in ends:
            end.cancel()

    def _track(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"

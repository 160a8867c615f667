"""One child process as the worker sees it: the jobs it was handed, and what both sides tell each other.

Two signs tell that it ended: its socket closes, which a process forked by the task can delay, and a thread sees it
exit. The page it shares with the worker says what runs in it at a moment. It may have come further than the reports
that the worker has read.
"""

import asyncio
import os
import socket
import sys
import time
from collections import deque
from typing import Protocol, cast

import msgspec

from lapinq_core.domain.tasks.outcome import Outcome, WorkerLost
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.child_side.frames import (
    Ask,
    Chunk,
    Frames,
    LogLine,
    Report,
    Spend,
    ToWorker,
    frame,
)
from lapinq_worker.running.pools.child_side.shared_page import SharedPage, make_page_file
from lapinq_worker.running.pools.child_side.time_limit_signal import TIME_LIMIT_SIGNAL
from lapinq_worker.running.pools.parent_side.answers import Answers
from lapinq_worker.running.pools.parent_side.calls import call_of
from lapinq_worker.running.pools.parent_side.process_group import ProcessGroup
from lapinq_worker.running.pools.parent_side.stop_request import StopRequest
from lapinq_worker.running.time_limits import Limits

DRAIN_SECONDS = 1.0

_messages = msgspec.msgpack.Decoder(ToWorker)


def note(job: Job, message: LogLine | Spend | Ask) -> None:
    """Takes what the function of `job` says while it runs. A question is none of it."""
    if isinstance(message, LogLine):
        job.write_log(message.text)
    elif isinstance(message, Spend):
        job.spend(message.limit, message.units)


class Owner(Protocol):
    """Hears what happens to a child."""

    def reported(self, child: "ChildProcess", job: Job, report: Report) -> None:
        """It finished a job."""

    def lost(self, child: "ChildProcess") -> None:
        """It can't be used any more. Called once, and only if it had been ready."""


class ChildProcess(asyncio.Protocol):
    """A child and the `jobs` it was handed; `handed_over` is when, or when it reported last.

    `stop_requests` are for those of them that must stop or not begin. `surplus` are jobs that run elsewhere when these
    have ended.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.frames = Frames()
        self.transport: asyncio.WriteTransport | None = None
        self._process: ProcessGroup | None = None
        self._page: SharedPage | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._has_answered = False
        self.first = 1  # the number of jobs[0]; never behind `jobs`
        self._answers = Answers(self._reply)
        self._seen = (0, 0)  # the mark of the progress passed on last
        self.jobs: deque[Job] = deque()
        self.stop_requests: dict[Job, StopRequest] = {}
        self.surplus: list[Job] = []
        self.handed_over = 0.0
        self.is_doomed = False
        self.is_retired = False
        # The job it was killed for, if one had begun, and that job's outcome.
        self.ending: tuple[Job | None, Outcome] | None = None
        self.interruption: Outcome | None = None

    async def launch(self, greeting: bytes) -> None:
        """Starts it and returns when it is ready. When this raises OSError, call `end`."""
        ours, theirs = socket.socketpair()
        page = make_page_file()
        try:
            with theirs:
                self._page = SharedPage(page)
                self._process = ProcessGroup(
                    [
                        *(sys.executable, "-P", "-m", "lapinq_worker.running.pools.child_side.main"),
                        *(str(theirs.fileno()), str(os.getpid()), str(page)),
                    ],
                    (theirs.fileno(), page),
                    self._has_exited,
                )
            ours.setblocking(False)
            await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
        except BaseException:
            ours.close()
            raise
        finally:
            os.close(page)
        self.send(greeting)
        await self._ready

    @property
    def pid(self) -> int:
        """The process id of a launched child."""
        assert self._process is not None
        return self._process.pid

    @property
    @any_thread
    def page(self) -> SharedPage:
        """The page that a launched child shares with the worker."""
        assert self._page is not None
        return self._page

    @property
    def calls(self) -> int:
        """How many jobs it was ever handed."""
        return self.first - 1 + len(self.jobs)

    @property
    @any_thread
    def position(self) -> int:
        """The index in `jobs` of the last one that began, even if it has ended; -1 if none has begun."""
        return max(-1, min(self.page.running - self.first, len(self.jobs) - 1))

    @property
    @any_thread
    def current(self) -> Job | None:
        """The job at that index."""
        position = self.position
        return self.jobs[position] if position >= 0 else None

    def run(self, jobs: list[Job], limits: Limits) -> None:
        """Hands it jobs to run one after the other."""
        self.jobs.extend(jobs)
        self.handed_over = jobs[0].started = time.perf_counter()
        self.send(frame(Chunk([call_of(job, limits) for job in jobs])))

    def send(self, data: bytes) -> None:
        """Writes a frame."""
        assert self.transport is not None
        self.transport.write(data)

    def tell_time_limit(self, job: Job) -> None:
        """Tells the function of `job` that its time is over. Repeat this until it was told."""
        call = self.first + self.jobs.index(job)
        self.page.expire(call)
        if not self.page.is_told(call) and self._process is not None:
            self._process.signal(TIME_LIMIT_SIGNAL)

    def cancel(self, job: Job, outcome: Outcome, kill_at: float) -> None:
        """Asks `job` to stop, or not to begin when the child comes to it; it then ends as `outcome`."""
        job.is_cancelled = True
        if self.jobs.index(job) > self.position:
            self.page.skip(self.first + self.jobs.index(job))
        else:
            self.tell_cancelled(job)
        before = self.stop_requests.get(job)
        self.stop_requests[job] = StopRequest(
            outcome, kill_at if before is None else min(kill_at, before.kill_at)
        )

    def tell_cancelled(self, job: Job) -> None:
        """Tells the function of `job` that it is cancelled, if it runs."""
        position = self.jobs.index(job)
        if position == self.position:
            # If it has ended, its report is on the way, and the word on the page may belong to the next call.
            self.page.cancel(self.first + position)

    def note_lease(self) -> None:
        """Tells the running function whether the worker still holds its task."""
        position = self.position
        if position >= 0:
            job = self.jobs[position]
            self.page.lose(self.first + position if job.is_lease_lost else 0)

    def pass_on_progress(self) -> None:
        """Passes on new progress of the running function."""
        progress = self.page.progress(self._seen)
        if progress is not None:
            self._seen = progress.mark
            position = progress.call - self.first
            if 0 <= position < len(self.jobs):
                job = self.jobs[position]
                job.host.note_progress(job.claim, progress.percent, progress.message)

    def take_first(self) -> tuple[Job, bool]:
        """Takes out the first of `jobs`. Also returns whether that job is known to have completed itself."""
        self.first += 1
        return self.jobs.popleft(), self.page.is_committed(self.first - 1)

    def interrupt(self, outcome: Outcome) -> None:
        """Kills it because the worker stops. The running job ends as `outcome`."""
        self.interruption = outcome
        if isinstance(outcome, WorkerLost):
            for job in self.jobs:
                job.is_lost = True
            self.note_lease()
        self.kill(outcome)

    @any_thread
    def kill(self, outcome: Outcome) -> None:
        """Kills it. The running job ends as `outcome`, or as its stop request says."""
        if self.ending is None and self.jobs:
            job = self.current
            request = None if job is None else self.stop_requests.get(job)
            self.ending = (job, outcome if request is None else request.outcome)
        self._kill_group()

    def hang_up(self) -> None:
        """Asks it to end, by closing the socket."""
        self.is_doomed = True
        if self.transport is not None:
            self.transport.close()

    async def exited(self) -> None:
        """Returns when the process has ended."""
        if self._process is not None:
            await self._process.exited()

    async def end(self) -> int:
        """Kills it, with everything it started, and reaps it. Returns its exit code, negative for a signal."""
        self._ready.cancel()
        self._kill_group()
        self.hang_up()
        return 0 if self._process is None else await self._process.end()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface but not the base class.
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        for body in self.frames.feed(data):
            if not self._has_answered:
                self._has_answered = True
                if not self._ready.done():
                    self._ready.set_result(None)
                continue
            message = _messages.decode(body)
            if isinstance(message, Report):
                self._report(message)
                continue
            position = message.call - self.first
            job = self.jobs[position] if 0 <= position < len(self.jobs) else None
            if isinstance(message, Ask):
                self._answers.begin(job, message)
            elif job is not None:
                note(job, message)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_doomed = True
        self._answers.stop()
        if not self._ready.done():
            self._ready.set_exception(ConnectionResetError("it ended before it was ready"))
        elif not self._ready.cancelled() and self._ready.exception() is None:
            self._owner.lost(self)

    def _reply(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def _report(self, report: Report) -> None:
        call = self.first
        self.first += 1
        job = self.jobs.popleft()
        self._answers.stop(job)
        if job.is_cancelled:
            self.page.passed(call)
        if self.jobs:
            self.handed_over = self.jobs[0].started = time.perf_counter()
        if report.is_last:
            self._kill_group()
        self._owner.reported(self, job, report)

    @any_thread
    def _kill_group(self) -> None:
        self.is_doomed = True
        if self._process is not None:
            self._process.kill()

    def _has_exited(self) -> None:
        # Read what it wrote last; then its socket closes, unless another process holds it open.
        self._kill_group()
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self.hang_up)

"""One child process as the worker sees it: starting it, talking to it, killing it, and learning how it ended.

The process leads a session and a process group of its own, so that a kill also takes what the task started. It is
reaped only after that: until then its id can't belong to anybody else. That it ended is told by two signs: its socket
closes, which a process forked by the task can delay, and a thread sees it end.

What runs in it at a moment stands in the page it shares with the worker: it may have come further than its reports,
which are still to be read.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Protocol, cast

import msgspec

from lapinq_core.domain.tasks.outcome import Outcome, WorkerLost
from lapinq_worker.running.job import Job
from lapinq_worker.running.limits import Limits
from lapinq_worker.running.pools.child.alarm import ALARM_SIGNAL
from lapinq_worker.running.pools.child.frames import Frames, Line, Report, frame
from lapinq_worker.running.pools.child.shared_page import SharedPage, make_page_file
from lapinq_worker.running.pools.children.calls import call_of
from lapinq_worker.running.pools.children.order import Order

DRAIN_SECONDS = 1.0
EXIT_SECONDS = 5.0

_messages = msgspec.msgpack.Decoder(Report | Line)


class Owner(Protocol):
    """Whom a child tells what happens to it."""

    def reported(self, child: "ChildProcess", job: Job, report: Report) -> None:
        """It is through with a job."""

    def lost(self, child: "ChildProcess") -> None:
        """It can be used no more; called once, and only when it had been ready."""


class ChildProcess(asyncio.Protocol):
    """A child and the `jobs` it was handed, which it was at `handed_over` or at its last report.

    `orders` are those of them that are to stop, or not to begin. `behind` are jobs that go on elsewhere when these are
    through.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.frames = Frames()
        self.transport: asyncio.WriteTransport | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._page: SharedPage | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._has_answered = False
        self._exited = asyncio.Event()
        self.first = 1  # the number of jobs[0]; never behind `jobs`
        self._seen = (0, 0)  # the mark of the progress passed on last
        self.jobs: deque[Job] = deque()
        self.orders: dict[Job, Order] = {}
        self.behind: list[Job] = []
        self.handed_over = 0.0
        self.is_doomed = False
        self.is_retired = False
        # The job it was killed for, if one had begun, and what that is settled as.
        self.ending: tuple[Job | None, Outcome] | None = None
        self.interruption: Outcome | None = None

    async def launch(self, greeting: bytes) -> None:
        """Starts it and returns when it is ready. Raises OSError when that fails; `end` is to be called then."""
        ours, theirs = socket.socketpair()
        page = make_page_file()
        try:
            with theirs:
                self._page = SharedPage(page)
                self._start(theirs.fileno(), page)
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
        """The process id of a child that was launched."""
        assert self._process is not None
        return self._process.pid

    @property
    def page(self) -> SharedPage:
        """What a child that was launched shares with us."""
        assert self._page is not None
        return self._page

    @property
    def calls(self) -> int:
        """How many jobs it was handed in its life."""
        return self.first - 1 + len(self.jobs)

    @property
    def position(self) -> int:
        """Where in `jobs` the one stands that began last, or ended since; -1 when none of them has begun."""
        return max(-1, min(self.page.running - self.first, len(self.jobs) - 1))

    @property
    def current(self) -> Job | None:
        """That job."""
        position = self.position
        return self.jobs[position] if position >= 0 else None

    def run(self, jobs: list[Job], limits: Limits) -> None:
        """Hands it jobs, to be run one after the other."""
        self.jobs.extend(jobs)
        self.handed_over = jobs[0].started = time.perf_counter()
        self.send(frame([call_of(job, limits) for job in jobs]))

    def send(self, data: bytes) -> None:
        """Writes a frame."""
        assert self.transport is not None
        self.transport.write(data)

    def tell_time_limit(self, job: Job) -> None:
        """Tells the function of `job` that its time limit is reached, until it was told."""
        call = self.first + self.jobs.index(job)
        self.page.expire(call)
        if not self.page.is_told(call) and self._is_there():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, ALARM_SIGNAL)

    def cancel(self, job: Job, outcome: Outcome, kill_at: float) -> None:
        """Asks `job` to stop, or not to begin when the child comes to it; it ends as `outcome` then."""
        job.is_cancelled = True
        if self.jobs.index(job) > self.position:
            self.page.skip(self.first + self.jobs.index(job))
        else:
            self.tell_cancelled(job)
        before = self.orders.get(job)
        self.orders[job] = Order(outcome, kill_at if before is None else min(kill_at, before.kill_at))

    def tell_cancelled(self, job: Job) -> None:
        """Tells the function of `job`, if it runs, that somebody asked for its stop."""
        position = self.jobs.index(job)
        if position == self.position:
            # Of one that has ended the report is on the way, and the word may stand for the one that runs now.
            self.page.cancel(self.first + position)

    def note_lease(self) -> None:
        """Tells the function that runs whether the worker still holds its task."""
        position = self.position
        if position >= 0:
            job = self.jobs[position]
            self.page.lose(self.first + position if job.is_lease_lost else 0)

    def pass_on_progress(self) -> None:
        """Passes on what its calls said last, if that is new."""
        progress = self.page.progress(self._seen)
        if progress is not None:
            self._seen = progress.mark
            position = progress.call - self.first
            if 0 <= position < len(self.jobs):
                job = self.jobs[position]
                job.host.note_progress(job.claim, progress.percent, progress.message)

    def take_first(self) -> tuple[Job, bool]:
        """Takes out the first of `jobs`; also whether it is known to have ended itself."""
        self.first += 1
        return self.jobs.popleft(), self.page.is_committed(self.first - 1)

    def interrupt(self, outcome: Outcome) -> None:
        """Kills it because the worker stops; what runs in it ends as `outcome`."""
        self.interruption = outcome
        if isinstance(outcome, WorkerLost):
            for job in self.jobs:
                job.is_lost = True
            self.note_lease()
        self.kill(outcome)

    def kill(self, outcome: Outcome) -> None:
        """Kills it for the sake of the job it runs, which ends as `outcome`, or as what it was told to stop for."""
        if self.ending is None and self.jobs:
            job = self.current
            order = None if job is None else self.orders.get(job)
            self.ending = (job, outcome if order is None else order.outcome)
        self._kill_group()

    def hang_up(self) -> None:
        """Asks it to end, by closing the socket."""
        self.is_doomed = True
        if self.transport is not None:
            self.transport.close()

    async def exited(self) -> None:
        """Returns when the process has ended."""
        if self._process is not None:
            await self._exited.wait()

    async def end(self) -> int:
        """Kills it, with whatever it started, and reaps it. Answers its exit code, negative for a signal."""
        self._ready.cancel()
        self._kill_group()
        self.hang_up()
        if self._process is None:
            return 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_SECONDS):
                await self._exited.wait()
        return -signal.SIGKILL if self._process.poll() is None else self._process.returncode

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
            if type(message) is Report:
                self._report(message)
            elif type(message) is Line and 0 <= (position := message.call - self.first) < len(self.jobs):
                self.jobs[position].write_log(message.text)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_doomed = True
        if not self._ready.done():
            self._ready.set_exception(ConnectionResetError("it ended before it was ready"))
        elif not self._ready.cancelled() and self._ready.exception() is None:
            self._owner.lost(self)

    def _report(self, report: Report) -> None:
        call = self.first
        self.first += 1
        job = self.jobs.popleft()
        if job.is_cancelled:
            self.page.passed(call)
        if self.jobs:
            self.handed_over = self.jobs[0].started = time.perf_counter()
        if report.is_last:
            self._kill_group()
        self._owner.reported(self, job, report)

    def _start(self, connection: int, page: int) -> None:
        # From the event loop's thread: the kernel kills the child when the thread that started it ends.
        self._process = subprocess.Popen(  # noqa: S603
            [
                *(sys.executable, "-P", "-m", "lapinq_worker.running.pools.child.main"),
                *(str(connection), str(os.getpid()), str(page)),
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=(connection, page),
            start_new_session=True,
        )
        threading.Thread(
            target=self._await_exit,
            args=(self._process.pid, asyncio.get_running_loop()),
            name="lapinq child watch",
            daemon=True,
        ).start()

    def _is_there(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def _kill_group(self) -> None:
        self.is_doomed = True
        if self._is_there():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _await_exit(self, pid: int, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._has_exited)

    def _has_exited(self) -> None:
        self._exited.set()
        # What it wrote last is still to be read; then its socket closes, unless somebody else holds it open.
        self._kill_group()
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self.hang_up)

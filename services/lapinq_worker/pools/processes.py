"""Runs plain functions in child processes: spawned clean, reused, replaced when they die.

A child runs one function at a time. At the time limit, or when the worker stops, its whole process group is killed, so
also code that is stuck in C and what it started. A child that dies charges only the function it was running; what was
handed over with it and not begun goes on in another child.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Coroutine
from typing import cast

import msgspec

from lapinq_core.domain.outcome import Died, Interrupted, Outcome, TimedOut, Unstarted
from lapinq_worker.chunks import ChunkSize
from lapinq_worker.dispatcher import Dispatcher
from lapinq_worker.job import Job
from lapinq_worker.pools.frames import Call, Frames, Greeting, Report, frame

START_DEADLINE_SECONDS = 30.0
START_RETRY_SECONDS = 1.0
EXIT_GRACE_SECONDS = 1.0

log = logging.getLogger(__name__)

_reports = msgspec.msgpack.Decoder(Report)


class _Child(asyncio.Protocol):
    """One child and the jobs it was handed, the running one first."""

    def __init__(self, pool: "ProcessPool") -> None:
        self._pool = pool
        self._frames = Frames()
        self._transport: asyncio.WriteTransport | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.jobs: deque[Job] = deque()
        self.started = 0.0
        self.ending: Outcome | None = None  # what the running job is to be settled as, once killed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface but not the base class.
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        for body in self._frames.feed(data):
            report = _reports.decode(body)
            job = self.jobs.popleft()
            self.started = time.perf_counter()
            self._pool.reported(self, job, report)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.lost(self)

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def run(self, jobs: list[Job]) -> None:
        self.jobs.extend(jobs)
        self.started = time.perf_counter()
        calls = [
            Call(job.claim.module_path, job.claim.task_name, bytes(job.claim.args), bytes(job.claim.kwargs))
            for job in jobs
        ]
        self.send(frame(calls))

    def kill(self, outcome: Outcome | None = None) -> None:
        self.ending = outcome
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


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
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._todo: deque[list[Job]] = deque()
        self._starting = 0
        self._stopped = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._chunk = ChunkSize()

    @property
    def chunk_size(self) -> int:
        """How many jobs it would take at once now."""
        return self._chunk.value

    def start(self, jobs: list[Job]) -> None:
        """Runs `jobs` one after the other in a child."""
        if self._idle:
            child = self._idle.pop()
            self._busy.add(child)
            child.run(jobs)
        else:
            self._todo.append(jobs)
            self._start_child()

    async def run(self) -> None:
        """Watches over the time limits until cancelled, then ends the children."""
        try:
            while True:
                await asyncio.sleep(max(0.02, min(self._time_limit / 20, 0.5)))
                now = time.perf_counter()
                for child in self._busy:
                    if child.ending is None and now - child.started > self._time_limit:
                        child.kill(TimedOut(self._time_limit))
        finally:
            await self._end()

    def interrupt(self) -> None:
        """Kills the children that run something; the job ends as `Interrupted`."""
        for child in list(self._busy):
            child.kill(Interrupted())

    def reported(self, child: _Child, job: Job, report: Report) -> None:
        """A child is through with a job."""
        self._chunk.measured(report.seconds)
        self._dispatcher.ended(job, report.outcome, report.seconds)
        if not child.jobs:
            self._busy.discard(child)
            if self._todo:
                self._busy.add(child)
                child.run(self._todo.popleft())
            else:
                self._idle.append(child)
            self._dispatcher.freed()

    def lost(self, child: _Child) -> None:
        """A child's socket closed: it died, was killed, or was told to end."""
        if child in self._idle:
            self._idle.remove(child)
        self._busy.discard(child)
        self._track(self._bury(child))
        if self._todo:
            self._start_child()

    async def _bury(self, child: _Child) -> None:
        assert child.process is not None
        # Whatever the dead process started in its group goes with it.
        child.kill(child.ending)
        try:
            async with asyncio.timeout(EXIT_GRACE_SECONDS * 5):
                code = await child.process.wait()
        except TimeoutError:
            code = -signal.SIGKILL
        if not child.jobs:
            return
        job = child.jobs.popleft()
        outcome = child.ending or Died(f"the process that ran the task {_how(code)}")
        self._dispatcher.ended(job, outcome, time.perf_counter() - child.started)
        if child.jobs and not isinstance(child.ending, Interrupted):
            self.start(list(child.jobs))
            return
        for unstarted in child.jobs:
            self._dispatcher.ended(unstarted, Unstarted(), 0.0)
        self._dispatcher.freed()

    def _start_child(self) -> None:
        if self._starting + len(self._busy) + len(self._idle) < self._limit and not self._stopped:
            self._starting += 1
            self._track(self._spawn())

    async def _spawn(self) -> None:
        child = _Child(self)
        ours, theirs = socket.socketpair()
        try:
            await self._connect(child, ours, theirs)
        except (OSError, TimeoutError):
            log.exception("can't start a process for tasks; trying again in %g s", START_RETRY_SECONDS)
            ours.close()
            child.kill()
            await asyncio.sleep(START_RETRY_SECONDS)
        else:
            self._welcome(child)
        finally:
            theirs.close()
            self._starting -= 1
        if self._todo:
            self._start_child()

    async def _connect(self, child: _Child, ours: socket.socket, theirs: socket.socket) -> None:
        async with asyncio.timeout(START_DEADLINE_SECONDS):
            child.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "lapinq_worker.pools.child",
                str(theirs.fileno()),
                str(os.getpid()),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
            ours.setblocking(False)
            await asyncio.get_running_loop().create_unix_connection(lambda: child, sock=ours)

    def _welcome(self, child: _Child) -> None:
        child.send(self._greeting)
        if self._todo:
            self._busy.add(child)
            child.run(self._todo.popleft())
        else:
            self._idle.append(child)

    async def _end(self) -> None:
        self._stopped = True
        children = [*self._idle, *self._busy]
        for child in children:
            child.close()
        waits = [asyncio.create_task(child.process.wait()) for child in children if child.process]
        if waits:
            await asyncio.wait(waits, timeout=EXIT_GRACE_SECONDS)
        for child in children:
            child.kill()
        for wait in waits:
            await wait
        for task in list(self._tasks):
            task.cancel()

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

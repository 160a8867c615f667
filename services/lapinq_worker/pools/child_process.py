"""One child process as the worker sees it: starting it, talking to it, killing it, and learning how it ended.

The process leads a session and a process group of its own, so that a kill also takes what the task started. It is
reaped only after that: until then its id can't belong to anybody else. That it ended is told by two signs: its socket
closes, which a process forked by the task can delay, and a thread sees it end.
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

from lapinq_core.domain.outcome import Outcome
from lapinq_worker.job import Job
from lapinq_worker.pools.frames import Call, Frames, Report, frame

DRAIN_SECONDS = 1.0
EXIT_SECONDS = 5.0

_reports = msgspec.msgpack.Decoder(Report)


class Owner(Protocol):
    """Whom a child tells what happens to it."""

    def reported(self, child: "ChildProcess", job: Job, report: Report) -> None:
        """It is through with a job."""

    def lost(self, child: "ChildProcess") -> None:
        """It can be used no more; called once, and only when it had been ready."""


class ChildProcess(asyncio.Protocol):
    """A child and the jobs it was handed, the running one first, which runs since `started`."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._frames = Frames()
        self._transport: asyncio.WriteTransport | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._has_answered = False
        self._exited = asyncio.Event()
        self.jobs: deque[Job] = deque()
        self.started = 0.0
        self.is_doomed = False
        self.ending: tuple[Job, Outcome] | None = (
            None  # the job it was killed for, and what that is settled as
        )

    async def launch(self, greeting: bytes) -> None:
        """Starts it and returns when it is ready. Raises OSError when that fails; `end` is to be called then."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                # From the event loop's thread: the kernel kills the child when the thread that started it ends.
                self._process = subprocess.Popen(  # noqa: ASYNC220, S603
                    [
                        *(sys.executable, "-P", "-m", "lapinq_worker.pools.child"),
                        *(str(theirs.fileno()), str(os.getpid())),
                    ],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
                threading.Thread(
                    target=self._await_exit,
                    args=(self._process.pid, asyncio.get_running_loop()),
                    name="lapinq child watch",
                    daemon=True,
                ).start()
                ours.setblocking(False)
                await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
            except BaseException:
                ours.close()
                raise
        self.send(greeting)
        await self._ready

    def run(self, jobs: list[Job]) -> None:
        """Hands it jobs, to be run one after the other."""
        self.jobs.extend(jobs)
        self.started = time.perf_counter()
        calls = [
            Call(job.claim.module_path, job.claim.task_name, bytes(job.claim.args), bytes(job.claim.kwargs))
            for job in jobs
        ]
        self.send(frame(calls))

    def send(self, data: bytes) -> None:
        """Writes a frame."""
        assert self._transport is not None
        self._transport.write(data)

    def kill(self, outcome: Outcome) -> None:
        """Kills it for the sake of the job it runs, which is to be settled as `outcome`."""
        if self.ending is None and self.jobs:
            self.ending = (self.jobs[0], outcome)
        self._kill_group()

    def hang_up(self) -> None:
        """Asks it to end, by closing the socket."""
        self.is_doomed = True
        if self._transport is not None:
            self._transport.close()

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
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        for body in self._frames.feed(data):
            if not self._has_answered:
                self._has_answered = True
                if not self._ready.done():
                    self._ready.set_result(None)
                continue
            report = _reports.decode(body)
            job = self.jobs.popleft()
            self.started = time.perf_counter()
            self._owner.reported(self, job, report)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_doomed = True
        if not self._ready.done():
            self._ready.set_exception(ConnectionResetError("it ended before it was ready"))
        elif not self._ready.cancelled() and self._ready.exception() is None:
            self._owner.lost(self)

    def _kill_group(self) -> None:
        self.is_doomed = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

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

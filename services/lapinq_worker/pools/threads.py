"""Runs plain functions in threads of the worker's process.

A thread can't be stopped from outside: at its time limit, or when the worker stops, its job is settled without it, what
it returns later is dropped, and another thread takes its place. The process ends without waiting for it.
"""

import asyncio
import queue
import threading
import time
from collections import deque

from lapinq_core.domain.outcome import Interrupted, Outcome, TimedOut, Unstarted
from lapinq_worker.chunks import ChunkSize
from lapinq_worker.dispatcher import Dispatcher
from lapinq_worker.job import Job, decode_arguments
from lapinq_worker.outcomes import raised, returned


class _Thread:
    """One thread and what it runs. `jobs` and `started` are written by it and read by the loop."""

    def __init__(self) -> None:
        self.chunk: list[Job] = []
        self.current: Job | None = None
        self.started = 0.0
        self.abandoned = False


class ThreadPool:
    """At most `limit` threads, started as they are needed; `time_limit` in seconds a job."""

    def __init__(self, dispatcher: Dispatcher, limit: int, time_limit: float) -> None:
        self._dispatcher = dispatcher
        self._limit = limit
        self._time_limit = time_limit
        self._loop = asyncio.get_running_loop()
        self._todo: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._done: deque[tuple[_Thread, Job | None, Outcome | None, float]] = deque()
        self._collecting = False
        self._threads: set[_Thread] = set()
        self._busy = 0
        self._chunk = ChunkSize()

    @property
    def chunk_size(self) -> int:
        """How many jobs it would take at once now."""
        return self._chunk.value

    def start(self, jobs: list[Job]) -> None:
        """Runs `jobs` one after the other in a thread."""
        self._busy += 1
        if self._busy > len(self._threads):
            self._start_thread()
        self._todo.put(jobs)

    async def run(self) -> None:
        """Watches over the time limits until cancelled, then lets the threads go."""
        try:
            while True:
                await asyncio.sleep(max(0.02, min(self._time_limit / 20, 0.5)))
                now = time.perf_counter()
                for thread in list(self._threads):
                    if thread.current is not None and now - thread.started > self._time_limit:
                        self._leave_behind(thread, TimedOut(self._time_limit))
        finally:
            for _ in self._threads:
                self._todo.put(None)

    def interrupt(self) -> None:
        """Settles what runs as `Interrupted`; the threads themselves go on until their functions return."""
        for thread in list(self._threads):
            if thread.current is not None:
                self._leave_behind(thread, Interrupted())

    def _start_thread(self) -> None:
        thread = _Thread()
        self._threads.add(thread)
        # Daemon threads: the process must be able to end while one is stuck.
        threading.Thread(target=self._serve, args=(thread,), name="lapinq task thread", daemon=True).start()

    def _serve(self, thread: _Thread) -> None:
        while not thread.abandoned and (jobs := self._todo.get()) is not None:
            thread.chunk = jobs
            for job in jobs:
                thread.started = started = time.perf_counter()
                thread.current = job
                outcome = _run(job)
                thread.current = None
                if thread.abandoned:
                    return
                self._report(thread, job, outcome, time.perf_counter() - started)
            self._report(thread, None, None, 0.0)

    def _report(self, thread: _Thread, job: Job | None, outcome: Outcome | None, seconds: float) -> None:
        self._done.append((thread, job, outcome, seconds))
        if not self._collecting:
            self._collecting = True
            try:
                self._loop.call_soon_threadsafe(self._collect)
            except RuntimeError:
                return  # the loop is closed: the process is ending

    def _collect(self) -> None:
        self._collecting = False
        while self._done:
            thread, job, outcome, seconds = self._done.popleft()
            if thread.abandoned:
                continue
            if job is None or outcome is None:
                thread.chunk = []
                self._busy -= 1
                self._dispatcher.freed()
            else:
                thread.chunk = [other for other in thread.chunk if other is not job]
                self._chunk.measured(seconds)
                self._dispatcher.ended(job, outcome, seconds)

    def _leave_behind(self, thread: _Thread, outcome: Outcome) -> None:
        self._collect()
        job = thread.current
        if job is None:
            return
        thread.abandoned = True
        self._threads.discard(thread)
        rest = [other for other in thread.chunk if other is not job]
        self._dispatcher.ended(job, outcome, time.perf_counter() - thread.started)
        if rest and not isinstance(outcome, Interrupted):
            self._start_thread()
            self._todo.put(rest)
            return
        for unstarted in rest:
            self._dispatcher.ended(unstarted, Unstarted(), 0.0)
        self._busy -= 1
        self._dispatcher.freed()


def _run(job: Job) -> Outcome:
    try:
        args, kwargs = decode_arguments(job.claim.args, job.claim.kwargs)
        return returned(job.target.function(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001  # user code
        return raised(error)

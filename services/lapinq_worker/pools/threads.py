"""Runs plain functions in threads of the worker's process.

A thread can't be stopped from outside: at its time limit, or when the worker stops, its job is settled without it, what
it returns later is dropped, and another thread takes its place. The process ends without waiting for it.

Who settles a job is decided under the thread's lock: the thread begins and finishes a job under it, and the event loop
leaves a thread behind under it, so each job is begun once and told of once.
"""

import asyncio
import queue
import threading
import time
from collections import deque

from lapinq_core.domain.outcome import Outcome, TimedOut, Unstarted
from lapinq_worker.dispatcher import Dispatcher
from lapinq_worker.job import Job
from lapinq_worker.pools.calling import call


class _Thread:
    """One thread and its chunk: the job it runs since `started`, and the `rest`. Read and written under `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rest: deque[Job] = deque()
        self.current: Job | None = None
        self.started = 0.0
        self.abandoned = False


class ThreadPool:
    """As many threads as there are chunks at once, started as they are needed; `time_limit` in seconds a job."""

    def __init__(self, dispatcher: Dispatcher, time_limit: float) -> None:
        self._dispatcher = dispatcher
        self._time_limit = time_limit
        self._loop = asyncio.get_running_loop()
        # Chunks, each with the number of interruptions before it: one that was overtaken by another is not begun.
        self._todo: queue.SimpleQueue[tuple[int, list[Job]] | None] = queue.SimpleQueue()
        self._interruptions = 0
        self._done: deque[tuple[Job, Outcome, float] | None] = deque()  # None: a chunk is through
        self._collecting = False
        self._threads: set[_Thread] = set()
        self._busy = 0

    def start(self, jobs: list[Job]) -> None:
        """Runs `jobs` one after the other in a thread."""
        self._busy += 1
        if self._busy > len(self._threads):
            self._start_thread()
        self._todo.put((self._interruptions, jobs))

    async def run(self) -> None:
        """Watches over the time limits until cancelled, then lets the threads go."""
        try:
            while True:
                await asyncio.sleep(max(0.02, min(self._time_limit / 20, 0.5)))
                now = time.perf_counter()
                for thread in list(self._threads):
                    with thread.lock:
                        job = thread.current
                        late = job is not None and now - thread.started > self._time_limit
                    if late:
                        self._leave_behind(thread, job)
        finally:
            for _ in self._threads:
                self._todo.put(None)

    def interrupt(self, outcome: Outcome) -> None:
        """Settles what runs as `outcome`; the threads themselves go on until their functions return."""
        self._interruptions += 1
        for thread in list(self._threads):
            self._cut_off(thread, outcome)

    def _start_thread(self) -> None:
        thread = _Thread()
        self._threads.add(thread)
        # Daemon threads: the process must be able to end while one is stuck.
        threading.Thread(target=self._serve, args=(thread,), name="lapinq task thread", daemon=True).start()

    def _serve(self, thread: _Thread) -> None:
        while not thread.abandoned and (chunk := self._todo.get()) is not None:
            interruptions, jobs = chunk
            with thread.lock:
                if interruptions == self._interruptions:
                    thread.rest.extend(jobs)
                else:
                    self._done.extend((job, Unstarted(), 0.0) for job in jobs)
            while (job := _begin(thread)) is not None:
                outcome = call(job.target.function, job.claim.args, job.claim.kwargs)
                with thread.lock:
                    if thread.abandoned:
                        return
                    thread.current = None
                    self._report((job, outcome, time.perf_counter() - thread.started))
            with thread.lock:
                if not thread.abandoned:
                    self._report(None)

    def _report(self, end: tuple[Job, Outcome, float] | None) -> None:
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

    def _leave_behind(self, thread: _Thread, late: Job | None) -> None:
        with thread.lock:
            if thread.current is not late or late is None:
                return
            thread.abandoned = True
        self._threads.discard(thread)
        self._collect()
        self._dispatcher.ended(late, TimedOut(self._time_limit), time.perf_counter() - thread.started)
        if thread.rest:
            self._start_thread()
            self._todo.put((self._interruptions, list(thread.rest)))
        else:
            self._free()

    def _cut_off(self, thread: _Thread, outcome: Outcome) -> None:
        with thread.lock:
            job = thread.current
            if job is None and not thread.rest:
                return
            thread.abandoned = True
        self._threads.discard(thread)
        self._collect()
        if job is not None:
            self._dispatcher.ended(job, outcome, time.perf_counter() - thread.started)
        for unstarted in thread.rest:
            self._dispatcher.ended(unstarted, Unstarted(), 0.0)
        self._free()

    def _free(self) -> None:
        self._busy -= 1
        self._dispatcher.freed()


def _begin(thread: _Thread) -> Job | None:
    with thread.lock:
        if thread.abandoned or not thread.rest:
            return None
        job = thread.current = thread.rest.popleft()
        thread.started = time.perf_counter()
        return job

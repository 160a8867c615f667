"""Jobs that must run apart from others: only so many at once.

Each takes a process of its own. All that were lost with a large worker at the same time would be more than the machine
can bear, and take the next worker along.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable

from lapinq_worker.running.job import Job

MAX_APART = max(4, 2 * (os.cpu_count() or 1))


class Apart:
    """`start` starts a job; `todo` are those that wait for others to end, each a chunk of its own."""

    def __init__(self, start: Callable[[Job], None]) -> None:
        self._start = start
        self.todo: deque[list[Job]] = deque()
        self._passed_on: set[Job] = set()

    def add(self, job: Job) -> None:
        """Starts it, now or when there is room."""
        self.todo.append([job])
        self._start_what_fits()

    def ended(self, job: Job) -> None:
        """Any job has ended."""
        if job in self._passed_on:
            self._passed_on.discard(job)
            asyncio.get_running_loop().call_soon(self._start_what_fits)

    def _start_what_fits(self) -> None:
        while self.todo and len(self._passed_on) < MAX_APART:
            (job,) = self.todo.popleft()
            self._passed_on.add(job)
            self._start(job)

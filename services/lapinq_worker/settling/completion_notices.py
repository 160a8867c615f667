"""Tells servers that a task has ended which somebody waits for there.

Servers announce every two seconds which tasks those are (`lapinq_wait`); an announcement holds for five seconds. All
of it is hints: servers also poll.
"""

import time
from collections.abc import Callable, Iterable

MAX_AWAITED = 10_000
KEPT_SECONDS = 5.0


class CompletionNotices:
    """True while somebody waits. One event loop owns it; `send` sends ids to servers."""

    def __init__(self, send: Callable[[Iterable[str]], None]) -> None:
        self._send = send
        self._until: dict[str, float] = {}  # by time.monotonic, the earliest first

    def __bool__(self) -> bool:
        return bool(self._until)

    def heard(self, payload: str) -> None:
        """NOTIFY: ids separated by spaces. An empty one means nothing: the ids are repeated soon."""
        now = time.monotonic()
        self._forget(now)
        for task_id in payload.split():
            self._until.pop(task_id, None)
            if len(self._until) < MAX_AWAITED:
                self._until[task_id] = now + KEPT_SECONDS

    def ended(self, ids: Iterable[str]) -> None:
        """Sends those of `ids` that somebody waits for. Their ends are committed."""
        self._forget(time.monotonic())
        until = self._until
        if told := [task_id for task_id in ids if task_id in until]:
            self._send(told)

    def _forget(self, now: float) -> None:
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] > now:
                return
            del self._until[oldest]

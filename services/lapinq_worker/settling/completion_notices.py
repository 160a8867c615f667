"""Which tasks somebody waits for in a server, and word to it once their ends are written.

Servers say every two seconds which ones (`lapinq_wait`); those of which nothing was heard for longer are forgotten. It
is all hints: whoever waits also looks for itself.
"""

import time
from collections.abc import Callable, Iterable

MOST_WAITED = 10_000
KEPT_SECONDS = 5.0


class CompletionNotices:
    """True while there are any. One event loop owns it; `send` sends ids on."""

    def __init__(self, send: Callable[[Iterable[str]], None]) -> None:
        self._send = send
        self._until: dict[str, float] = {}  # by time.monotonic, the earliest first

    def __bool__(self) -> bool:
        return bool(self._until)

    def heard(self, payload: str) -> None:
        """NOTIFY: ids with spaces between. An empty one says nothing: they are said again soon."""
        now = time.monotonic()
        self._forget(now)
        for task_id in payload.split():
            self._until.pop(task_id, None)
            if len(self._until) < MOST_WAITED:
                self._until[task_id] = now + KEPT_SECONDS

    def ended(self, ids: Iterable[str]) -> None:
        """Tells of those of `ids` that are waited for; their ends are committed."""
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

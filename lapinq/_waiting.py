"""How long and how often to ask for a result. Pure: the caller sends, sleeps and says what time it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lapinq._requests import read_object, refusal
from lapinq.errors import ResultTimeout

if TYPE_CHECKING:
    import httpx

    from lapinq.errors import ServerUnavailable

FIRST_PAUSE_SECONDS = 0.02
_LEAST_PAUSE_SECONDS = 0.005
_GROWTH = 1.5
_LEAST_REQUEST_SECONDS = 1.0
_PASSING = frozenset({429, 502, 503, 504})


class Waiting:
    """One wait for one task: pauses start short and grow to `poll_interval`.

    A server that is away or overloaded is asked again until the time is up, since the task goes on without
    it. Times are in seconds, on the caller's monotonic clock; `timeout` None waits for ever.
    """

    def __init__(self, task_id: str, timeout: float | None, poll_interval: float, now: float) -> None:
        self.task_id = task_id
        self._timeout = math.inf if timeout is None else timeout
        self._deadline = now + self._timeout
        self._interval = max(poll_interval, _LEAST_PAUSE_SECONDS)
        self._pause = min(FIRST_PAUSE_SECONDS, self._interval)
        self._retry_after = 0.0
        self._status: str | None = None
        self._trouble: Exception | None = None

    def request_timeout(self, most: float, now: float) -> float:
        """For the next request: what is left, but enough for one honest try, and never over `most`."""
        return min(most, max(self._deadline - now, _LEAST_REQUEST_SECONDS))

    def read(self, response: httpx.Response) -> dict[str, Any] | None:
        """The finished task's result object, or None: not yet. Raises `RequestRefused`: it never will."""
        body = read_object(response)
        if response.is_success and "id" in body:
            return body
        self._trouble = None
        self._retry_after = 0.0
        status = body.get("status")
        if isinstance(status, str):
            self._status = status
            return None
        error = refusal(response, f"no result of task {self.task_id}")
        if error is not None and response.status_code not in _PASSING:
            raise error
        self._trouble = error
        self._retry_after = _seconds(response.headers.get("retry-after", ""))
        return None

    def missed(self, error: ServerUnavailable) -> None:
        """The last request got no answer."""
        self._trouble = error
        self._retry_after = 0.0

    def pause(self, now: float) -> float:
        """How long to sleep before asking again. Raises `ResultTimeout` when the time is up."""
        left = self._deadline - now
        if left <= 0:
            raise ResultTimeout(
                f"task {self.task_id} had not finished after {self._timeout:g} s ({self._last_seen()})",
                task_id=self.task_id,
                status=self._status,
            ) from self._trouble
        pause = self._pause
        self._pause = min(pause * _GROWTH, self._interval)
        return min(max(pause, self._retry_after), left)

    def _last_seen(self) -> str:
        if self._trouble is not None:
            return str(self._trouble)
        return f"last seen as {self._status}" if self._status else "the server did not say its status"


def _seconds(header: str) -> float:
    return float(header) if header.isascii() and header.isdecimal() else 0.0

"""How long and how often to ask for a result. Pure: the caller sends, sleeps and says what time it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lapinq._requests import read_object, refusal
from lapinq.errors import ResultTimeout

if TYPE_CHECKING:
    import httpx

    from lapinq.errors import ServerUnavailable

LONGEST_HOLD_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 0.02
_LEAST_PAUSE_SECONDS = 0.005
_GROWTH = 1.5
_LEAST_REQUEST_SECONDS = 1.0
_LEAST_HOLD_SECONDS = 0.01
_HOLD_OF_TIMEOUT = 0.8
_UNDERSTANDS_NO_WAIT = frozenset({400, 422})
_PASSING = frozenset({429, 502, 503, 504})


class Waiting:
    """One wait for one task. The server is asked to hold its answer back until the task has ended; where it does not,
    it is asked again after pauses that start short and grow to `poll_interval`.

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
        self._may_hold = True
        self._is_plain_next = False
        self._hold = 0.0
        self._asked_at = now

    def hold(self, most: float, now: float, *, has_place: bool) -> float:
        """For how long the server is to hold back the next answer; `most` is the timeout of a request.

        0 without a place, and where it would not.
        """
        wanted = min(LONGEST_HOLD_SECONDS, self._deadline - now, most * _HOLD_OF_TIMEOUT)
        may = has_place and self._may_hold and not self._is_plain_next and wanted >= _LEAST_HOLD_SECONDS
        self._hold = wanted if may else 0.0
        self._asked_at = now
        self._is_plain_next = False
        return self._hold

    def request_timeout(self, most: float, now: float) -> float:
        """For the next request: what is left, but enough for one honest try, and never over `most`."""
        return min(most, max(self._deadline - now, self._hold + _LEAST_REQUEST_SECONDS))

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
        if self._hold and response.status_code in _UNDERSTANDS_NO_WAIT:
            self._may_hold = (
                False  # an older server; what else it may mean shows in the answer to a plain request
            )
            return None
        # One that can hold no more, or whose proxy lets nobody hold, may well answer at once.
        self._is_plain_next = bool(self._hold)
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
        if self._trouble is None and self._hold and now - self._asked_at >= self._hold * 0.9:
            return 0.0  # it held its answer back for as long as it was asked to
        pause = self._pause
        self._pause = min(pause * _GROWTH, self._interval)
        return min(max(pause, self._retry_after), left)

    def _last_seen(self) -> str:
        if self._trouble is not None:
            return str(self._trouble)
        return f"last seen as {self._status}" if self._status else "the server did not say its status"


def _seconds(header: str) -> float:
    return float(header) if header.isascii() and header.isdecimal() else 0.0

"""How long and how often to ask for a result. No I/O: the caller sends, sleeps and tells the time."""

from __future__ import annotations

import math
from types import NoneType
from typing import TYPE_CHECKING, Any

from lapinq._client.calling.answer import TEMPORARY, read_object, refusal, retry_after
from lapinq.errors import ResultTimeout

if TYPE_CHECKING:
    from lapinq._client.calling.answer import Answer
    from lapinq.errors import ServerUnavailable

MAX_WAIT_SECONDS = 20.0
WHY_SECONDS = 1.0
"""For the request that tells why the task has not finished, at the end of a wait that was at least as long."""
INITIAL_PAUSE_SECONDS = 0.02
_MIN_PAUSE_SECONDS = 0.005
_PAUSE_GROWTH = 1.5
_MIN_REQUEST_SECONDS = 1.0
_MIN_WAIT_SECONDS = 0.01
_WAIT_SHARE_OF_TIMEOUT = 0.8
_WAIT_NOT_SUPPORTED = frozenset({400, 422})


class ResultPoll:
    """One caller that waits for one task, or for a workflow.

    Each request is a long poll: the server responds when the task ends, or after a while. A server that doesn't support
    that is polled, after pauses that start short and grow to `poll_interval`. One that is unavailable or overloaded is
    asked again until the timeout, because the task goes on without it.

    Times are in seconds, on the caller's monotonic clock. `timeout` None waits indefinitely.
    """

    def __init__(
        self, task_id: str, timeout: float | None, poll_interval: float, now: float, what: str = "task"
    ) -> None:
        given: dict[str, Any] = {"timeout": timeout, "poll_interval": poll_interval}
        for name, seconds in given.items():
            if not isinstance(seconds, (int, float, NoneType)):
                raise TypeError(f"{name} must be a number of seconds, not {seconds!r}")
        self.task_id = task_id
        self._what = f"{what} {task_id}"
        self._timeout = math.inf if timeout is None else timeout
        self._deadline = now + self._timeout
        self._interval = max(poll_interval, _MIN_PAUSE_SECONDS)
        self._pause = min(INITIAL_PAUSE_SECONDS, self._interval)
        self._retry_after = 0.0
        self._status: str | None = None
        self._error: Exception | None = None
        self._why = ""
        self._is_wait_supported = True
        self._is_next_plain = False
        self._wait = 0.0
        self._asked_at = now

    def wait_seconds(self, max_timeout: float, now: float) -> float:
        """How long the server may take to answer the next request. 0 asks it to answer at once.

        `max_timeout` is the timeout of a request.
        """
        wanted = min(MAX_WAIT_SECONDS, self._deadline - now, max_timeout * _WAIT_SHARE_OF_TIMEOUT)
        may_wait = self._is_wait_supported and not self._is_next_plain
        self._wait = wanted if may_wait and wanted >= _MIN_WAIT_SECONDS else 0.0
        self._asked_at = now
        self._is_next_plain = False
        return self._wait

    def request_timeout(self, max_timeout: float, now: float) -> float:
        """For the next request: the time left, but enough for one try, and never over `max_timeout`."""
        return min(max_timeout, max(self._deadline - now, self._wait + _MIN_REQUEST_SECONDS))

    def read(self, answer: Answer) -> dict[str, Any] | None:
        """The result object of the finished task, or the finished workflow. None if it has not finished.

        Raises `RequestRefused` for an error that will not go away.
        """
        body = read_object(answer)
        if answer.is_success and "id" in body and body.get("status") != "running":
            return body
        self._error = None
        self._retry_after = 0.0
        status = body.get("status")
        if isinstance(status, str):
            self._status = status
            return None
        if self._wait and answer.status_code in _WAIT_NOT_SUPPORTED:
            # An older server. If the error has another cause, a plain request gets it too.
            self._is_wait_supported = False
            return None
        # A server with too many long polls, or a proxy that allows none, may still answer a plain request.
        self._is_next_plain = bool(self._wait)
        error = refusal(answer, f"no result of {self._what}")
        if error is not None and answer.status_code not in TEMPORARY:
            raise error
        self._error = error
        self._retry_after = retry_after(answer)
        return None

    def record_no_answer(self, error: ServerUnavailable) -> None:
        self._error = error
        self._retry_after = 0.0

    def wants_why(self, now: float) -> bool:
        """Whether to ask why the task has not finished: the time is up, and the server answers."""
        return now >= self._deadline and self._error is None and self._timeout >= WHY_SECONDS

    def read_why(self, answer: Answer) -> None:
        """Older servers don't know."""
        told = read_object(answer)
        self._why = "".join(f" {told[part]}" for part in ("why", "remedy") if isinstance(told.get(part), str))

    def pause(self, now: float) -> float:
        """How long to sleep before the next request. Raises `ResultTimeout` after the deadline."""
        left = self._deadline - now
        if left <= 0:
            raise ResultTimeout(
                f"{self._what} had not finished after {self._timeout:g} s ({self._last_seen()})"
                + (f".{self._why}" if self._why else ""),
                task_id=self.task_id,
                status=self._status,
            ) from self._error
        if self._error is None and self._wait and now - self._asked_at >= self._wait * 0.9:
            return 0.0  # the server waited as long as it was asked to
        pause = self._pause
        self._pause = min(pause * _PAUSE_GROWTH, self._interval)
        return min(max(pause, self._retry_after), left)

    def _last_seen(self) -> str:
        if self._error is not None:
            return str(self._error)
        return f"last seen as {self._status}" if self._status else "the server did not say its status"

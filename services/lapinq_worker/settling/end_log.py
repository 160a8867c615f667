"""The log line at the end of an attempt: how it ended, and what follows.

Lines on completions are written together. A line on another end costs a worker more than everything else about it, so
a wave of failures has only some of them.
"""

import logging
import time
from collections import Counter
from typing import NamedTuple, assert_never

from lapinq_core.domain.tasks.decide import Complete, Drop, Fail, Next, Nothing, Release, Retry, decide
from lapinq_core.domain.tasks.diagnostics.task_lines import TASKS, log_completed, log_end
from lapinq_core.domain.tasks.outcome import Outcome, Snoozed, Suspended, Throttled
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_core.runtime.logs import line_handler
from lapinq_worker.running.job import Job
from lapinq_worker.running.tally import CANCELLED, FAILED, RETRIED, SNOOZED, SUSPENDED

RELEASED = "released"
MAX_LINES = 500
"""In a second."""

_NO_RETRY = RetryPolicy(0)


class _End(NamedTuple):
    level: int
    outcome: str
    words: str
    error: str
    stack: str | None = None


class EndLog:
    """Logs each completion, and of the other ends the first `most` in a second. Call `tell_left_out` now and then, and
    last, and `flush` before ends are stored: then a crash loses no line of an end that is stored.
    """

    def __init__(self, most: int = MAX_LINES) -> None:
        self._most = most
        self._lines = 0
        self._second_ends = 0.0  # by time.monotonic
        self._left_out: Counter[str] = Counter()
        self._handler = line_handler(TASKS, logging.INFO)

    def completed(self, job: Job, seconds: float) -> None:
        """Logs that it completed, if its task has a logger. The line may wait for `flush` or a turn of the loop."""
        log = job.target.log
        if log is TASKS and self._handler is not None:
            self._handler.completed(job.claim, seconds)
        elif log is not None:
            log_completed(log, job.claim, seconds)

    def flush(self) -> None:
        """Writes the lines that wait. The program may have changed who writes the next ones."""
        if self._handler is not None:
            self._handler.flush()
        self._handler = line_handler(TASKS, logging.INFO)

    def ended(self, job: Job, outcome: Outcome, following: Next, seconds: float) -> None:
        """Logs it, unless the job never started and only returns to its queue. A retry's traceback is with the task."""
        level, kind = _KINDS.get(type(following), _NONE)
        if not (job.target.log or TASKS).isEnabledFor(level) or following == _UNSTARTED:
            return
        now = time.monotonic()
        if now >= self._second_ends:
            self.tell_left_out()
            self._lines, self._second_ends = 0, now + 1.0
        if self._lines >= self._most:
            self._left_out[kind] += 1
            return
        self._lines += 1
        _log(job, _end(job, outcome, following, _after(seconds)), seconds)

    def tell_left_out(self, *, is_last: bool = False) -> None:
        """Logs how many lines were left out, once their second is over."""
        self.flush()
        if self._left_out and (is_last or time.monotonic() >= self._second_ends):
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._left_out.items())
            TASKS.warning(
                "%s lines left out, because over %d attempts did not complete within a second: %s",
                f"{self._left_out.total():,}",
                self._most,
                kinds,
            )
            self._left_out.clear()


_NONE = (logging.NOTSET, "")
_UNSTARTED = Release()
_KINDS: dict[type[Next], tuple[int, str]] = {
    Fail: (logging.ERROR, FAILED),
    Retry: (logging.WARNING, RETRIED),
    Drop: (logging.INFO, CANCELLED),
    Release: (logging.INFO, RELEASED),
}


def log_lost(job: Job, outcome: Outcome, seconds: float) -> None:
    """Logs that a fire-and-forget task did not complete. There is no retry, and no record but this line."""
    after = _after(seconds)
    match decide(_NO_RETRY, 1, outcome, 0.0):
        case Fail(error=error, traceback=stack):
            end = _End(logging.ERROR, FAILED, f"failed{after} (fire and forget): {error}", error, stack)
        case Drop(reason=reason):
            end = _End(logging.INFO, CANCELLED, f"cancelled{after} (fire and forget): {reason}", reason)
        case following:
            error = (following.error if isinstance(following, Release) else None) or "it has not started"
            end = _End(logging.WARNING, FAILED, f"is lost{after} (fire and forget): {error}", error)
    _log(job, end, seconds)


def _end(job: Job, outcome: Outcome, following: Next, after: str) -> _End | None:
    starts = f"start {job.claim.attempt} of at most {job.claim.max_retries + 1}"
    match following:
        case Fail(error=error, traceback=stack):
            words = f"failed{after} ({starts}, no retry follows): {error}"
            return _End(logging.ERROR, FAILED, words, error, stack)
        case Retry(error=error, delay=delay):
            words = f"failed{after} ({starts}, again in {delay:.3g} s): {error}"
            return _End(logging.WARNING, RETRIED, words, error)
        case Drop(reason=reason):
            return _End(logging.INFO, CANCELLED, f"cancelled{after}: {reason}", reason)
        case Release(error=str(error)) if isinstance(outcome, Suspended):
            return _End(logging.INFO, SUSPENDED, f"{error}{after}", error)
        case Release(error=str(error)) if isinstance(outcome, Snoozed | Throttled):
            return _End(logging.INFO, SNOOZED, f"{error}{after}", error)
        case Release(error=str(error)):
            return _End(logging.INFO, RELEASED, f"released{after}: {error}", error)
        case Release() | Complete() | Nothing():
            return None
        case _:
            assert_never(following)


def _after(seconds: float) -> str:
    return f" after {seconds:.3f} s" if seconds > 0 else ""


def _log(job: Job, end: _End | None, seconds: float) -> None:
    if end is not None:
        log_end(
            job.target.log or TASKS,
            end.level,
            job.claim,
            end.words,
            outcome=end.outcome,
            seconds=seconds,
            error=end.error,
            stack=end.stack,
        )

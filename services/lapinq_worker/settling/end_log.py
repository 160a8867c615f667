"""The log line at the end of an attempt that did not complete: how it ended, and what follows."""

import logging
from typing import NamedTuple, assert_never

from lapinq_core.domain.tasks.decide import Complete, Drop, Fail, Next, Nothing, Release, Retry, decide
from lapinq_core.domain.tasks.outcome import Outcome, Snoozed
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_core.domain.tasks.task_lines import TASKS, log_end
from lapinq_worker.running.job import Job
from lapinq_worker.running.tally import CANCELLED, FAILED, RETRIED, SNOOZED

RELEASED = "released"

_NO_RETRY = RetryPolicy(0)


class _End(NamedTuple):
    level: int
    outcome: str
    words: str
    error: str
    stack: str | None = None


def log_ended(job: Job, outcome: Outcome, following: Next, seconds: float) -> None:
    """Logs it, unless the job never started and only returns to its queue. A retry's traceback is with the task."""
    _log(job, _end(job, outcome, following, _after(seconds)), seconds)


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
        case Release(error=str(error)) if isinstance(outcome, Snoozed):
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

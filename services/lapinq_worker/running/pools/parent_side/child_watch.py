"""Checks a child regularly: time limit, memory, progress, stop requests, and whether it is worn out."""

import logging

from lapinq_core.domain.tasks.outcome import Died, Interrupted, TimedOut
from lapinq_worker.running.pools.parent_side.child_process import ChildProcess
from lapinq_worker.running.pools.parent_side.memory import in_mebibytes, resident_bytes
from lapinq_worker.running.pools.parent_side.stop_request import StopRequest
from lapinq_worker.running.time_limits import Limits

LOOK_SECONDS = 0.1
MIN_SECONDS = 0.01
BEGIN_SECONDS = 30.0  # a child that has not begun its job by then is stuck


log = logging.getLogger(__name__)


def check(child: ChildProcess, limits: Limits, now: float) -> float:
    """Does what is due at `now`, by time.perf_counter. Returns in how many seconds to check again."""
    child.pass_on_progress()
    if child.is_doomed or not child.jobs:
        return LOOK_SECONDS
    child.note_lease()
    job = child.current
    if job is None:
        if now - child.handed_over > BEGIN_SECONDS:
            child.kill(Interrupted())
        return min(LOOK_SECONDS, limits.time_limit_of(child.jobs[0].claim))
    size = None if limits.max_memory is None else resident_bytes(child.pid)
    if limits.max_memory is not None and size is not None and size > limits.max_memory:
        limit, taken = in_mebibytes(limits.max_memory), in_mebibytes(size)
        child.kill(Died(f"memory limit of {limit} exceeded ({taken} resident)"))
        return LOOK_SECONDS
    # The import before the first call has the worker's own limit: it does not count as the task's time.
    limit = limits.time_limit if child.page.is_loading else limits.time_limit_of(job.claim)
    left = child.page.started + limit - now
    if left <= 0:
        kill_at = now + limits.time_limit_grace
        request = child.stop_requests.setdefault(job, StopRequest(TimedOut(limit), kill_at))
        # A cancelled job gets no more time than others.
        request.kill_at = min(request.kill_at, kill_at)
        if limits.time_limit_grace:
            child.tell_time_limit(job)
    request = child.stop_requests.get(job)
    if request is None:
        return min(LOOK_SECONDS, left)
    if job.is_cancelled:
        child.tell_cancelled(job)  # it may have begun just when it was cancelled
    if now >= request.kill_at:
        child.kill(request.outcome)
    return max(MIN_SECONDS, min(LOOK_SECONDS, request.kill_at - now))


def is_worn_out(child: ChildProcess, limits: Limits) -> bool:
    """Whether an idle `child` must not be used again."""
    if limits.max_tasks_per_child is not None and child.calls >= limits.max_tasks_per_child:
        return True
    size = None if limits.max_memory is None else resident_bytes(child.pid)
    if limits.max_memory is None or size is None or size <= limits.max_memory:
        return False
    log.info("replacing a child process of %s after %d tasks", in_mebibytes(size), child.calls)
    return True

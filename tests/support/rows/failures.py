"""Failures as a worker counts them."""

import time

from lapinq_core.error_groups.recording import Failures
from lapinq_core.error_groups.shapes import shape_of


def failures(
    error: str = "ValueError: no 1",
    *,
    queue: str = "mail",
    task: str = "send",
    failed: int = 1,
    retried: int = 0,
    ago: float = 0.0,
    task_id: str | None = None,
    traceback: str | None = None,
) -> Failures:
    """Failures of one group, `ago` seconds old."""
    then = time.monotonic() - ago
    return Failures(
        queue_name=queue,
        task_name=task,
        shape=shape_of(error, traceback),
        failed=failed,
        retried=retried,
        first=then,
        last=then,
        task_id=task_id,
        error=error,
        traceback=traceback,
    )

"""The log line of an attempt that did not complete."""

import logging

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.tasks.worker_verbs import Ended

log = logging.getLogger("lapinq_worker.settling.settler")


def log_end(claim: Claim, end: Ended) -> None:
    """Logs how it ended and what follows, with the id of the request that enqueued the task."""
    if end.error is None:
        return
    extra: dict[str, object] = {"task": claim.id}
    if claim.request_id is not None:
        extra["request_id"] = claim.request_id
    if end.cancelled:
        log.info("%s.%s is cancelled: %s", claim.module_path, claim.task_name, end.error, extra=extra)
        return
    then = "no retry is left" if end.final else f"again in {end.delay:.3g} s"
    log.log(
        logging.WARNING if end.counts else logging.INFO,
        "%s.%s did not complete (start %d of at most %d, %s): %s",
        claim.module_path,
        claim.task_name,
        claim.attempt,
        claim.max_retries + 1,
        then,
        end.error,
        extra=extra,
    )

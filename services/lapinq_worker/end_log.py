"""What the log says of an attempt that did not complete."""

import logging

import msgspec

from lapinq_core.domain.claim import Claim
from lapinq_core.queue.work import Ended
from lapinq_worker.job import decode_metadata

log = logging.getLogger("lapinq_worker.settler")


def log_end(claim: Claim, end: Ended) -> None:
    """A line on how it ended and what follows, with the id of the request that brought the task."""
    if end.error is None:
        return
    extra: dict[str, object] = {"task": claim.id}
    if (request_id := _request_id(claim)) is not None:
        extra["request_id"] = request_id
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


def _request_id(claim: Claim) -> str | None:
    try:
        found = decode_metadata(claim.metadata).get("request_id")
    except msgspec.DecodeError:  # written past the server, and no object
        return None
    return found if isinstance(found, str) else None

"""From a job to the call that a child process is sent."""

from lapinq_worker.job import Job
from lapinq_worker.limits import Limits
from lapinq_worker.pools.frames import Call, Details


def call_of(job: Job, limits: Limits) -> Call:
    """The call of `job`'s function, and what that can learn of itself."""
    claim = job.claim
    metadata = bytes(claim.metadata)
    details = Details(
        claim.id,
        claim.token,
        claim.queue_name,
        claim.attempt,
        claim.max_retries,
        claim.claim_seq,
        limits.time_limit_of(claim),
        claim.enqueued_at,
        None if metadata == b"null" else metadata,
    )
    return Call(claim.module_path, claim.task_name, bytes(claim.args), bytes(claim.kwargs), details)

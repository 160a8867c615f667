"""Makes what a child process is sent: a greeting from the worker's settings, and calls from jobs."""

import sys

from lapinq_core.runtime.settings import Settings
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.child_side.frames import Call, Details, Greeting
from lapinq_worker.running.time_limits import Limits


def greeting_of(settings: Settings, limits: Limits, *, logs_tasks: bool = False) -> Greeting:
    """The greeting, which a child gets once. With `logs_tasks` it logs the start of each task."""
    return Greeting(
        sys.path,
        list(settings.allowed_modules),
        list(settings.worker_imports),
        list(settings.worker_middleware),
        limits.max_result_size,
        settings.database_url,
        settings.log_level,
        settings.json_log,
        logs_tasks,
        settings.max_payload_size,
    )


def call_of(job: Job, limits: Limits) -> Call:
    """The call of `job`'s function."""
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
        claim.request_id,
        claim.profile is True,
        claim.workflow_id,
    )
    args, kwargs = job.arguments()
    return Call(claim.module_path, claim.task_name, bytes(args), bytes(kwargs), details)

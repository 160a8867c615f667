"""A task as claimed by a worker."""

from collections.abc import Iterable

import msgspec

from lapinq_core.domain.tasks.references import ParentOutcome
from lapinq_core.domain.tasks.retry import RetryPolicy

_NULL = msgspec.Raw(b"null")


class Claim(msgspec.Struct, array_like=True, gc=False):
    """One claimed task; the order of fields is the order in `claim.sql`.

    `args`, `kwargs` and `metadata` (`null` for none) stay JSON text until somebody looks, so that they can be handed to
    another process as they are. `attempt` is the number of this execution, from 1. `(rank, seq)` is the place in its
    queue. `id` is empty for a fire-and-forget task. Its time to live, if it has one, runs out `expires_in` seconds
    after the claim. `timeout` is its time limit in seconds, if it has one of its own. `claim_seq` grows from claim to
    claim. `enqueued_at` is in seconds since 1970, None for fire and forget. `waited` is how many seconds before the
    claim it could have started for the first time, or was requeued; None where that is not known. `request_id` is that
    of the request which enqueued it, if one did. `profile` asks for a profile of the attempt. `queue_name`, `token` and
    `is_governed`, whether the policy of its queue decided the claim, are set by the claimer. `parents`, by ref, are
    those that its arguments name, and `workflow_id` is the workflow that it belongs to, once they were looked up.
    """

    id: str
    task_name: str
    module_path: str
    args: msgspec.Raw
    kwargs: msgspec.Raw
    attempt: int
    max_retries: int
    retry_delay: float
    retry_backoff: bool
    rank: int
    seq: int
    expires_in: float | None = None
    timeout: float | None = None
    claim_seq: int = 0
    enqueued_at: float | None = None
    metadata: msgspec.Raw = _NULL
    isolation: int = 0
    waited: float | None = None
    request_id: str | None = None
    profile: bool | None = None
    queue_name: str = ""
    token: str = ""
    is_governed: bool = False
    parents: dict[str, ParentOutcome] | None = None
    workflow_id: str | None = None

    @property
    def policy(self) -> RetryPolicy:
        """What the task says about its retries."""
        return RetryPolicy(self.max_retries, self.retry_delay, self.retry_backoff)

    @property
    def is_transient(self) -> bool:
        """Whether it is fire and forget: nothing is written at its end."""
        return not self.id


def by_queue(claims: Iterable[Claim]) -> dict[str, list[Claim]]:
    """`claims` of several queues, by queue."""
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        found.setdefault(claim.queue_name, []).append(claim)
    return found

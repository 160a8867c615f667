"""How long a failed task waits before it runs again."""

import msgspec

MAX_BACKOFF_SECONDS = 600.0
JITTER = 0.2


class RetryPolicy(msgspec.Struct, frozen=True):
    """What a task says about its retries: how many, how many seconds apart, and whether that doubles each time."""

    max_retries: int = 3
    retry_delay: float = 10.0
    retry_backoff: bool = True


def may_retry(policy: RetryPolicy, attempt: int) -> bool:
    """Whether a retry is left after execution number `attempt` (the first is 1)."""
    return attempt <= policy.max_retries


def retry_wait(policy: RetryPolicy, attempt: int, rand: float) -> float:
    """Seconds to wait after failed execution number `attempt`; `rand` is in [0, 1).

    With backoff the delay doubles each time and is spread by 20 % each way, so that tasks which failed together
    do not come back together; it never exceeds ten minutes. Without, it is the delay exactly.
    """
    if not policy.retry_backoff:
        return policy.retry_delay
    doublings = min(attempt - 1, 64)
    spread = 1 - JITTER + 2 * JITTER * rand
    return min(policy.retry_delay * 2.0**doublings * spread, MAX_BACKOFF_SECONDS)

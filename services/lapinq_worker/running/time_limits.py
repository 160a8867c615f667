"""How much time and memory a task may take."""

import msgspec

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.runtime.settings import Settings


class Limits(msgspec.Struct, frozen=True):
    """Times in seconds, sizes in bytes. `time_limit` applies to tasks without their own."""

    time_limit: float = 300.0
    time_limit_grace: float = 1.0
    cancel_grace: float = 5.0
    max_result_size: int = 16 * 1024 * 1024
    max_memory: int | None = None
    max_tasks_per_child: int | None = None

    def time_limit_of(self, claim: Claim) -> float:
        """How long this attempt may take."""
        return self.time_limit if claim.timeout is None else claim.timeout


def limits_of(settings: Settings) -> Limits:
    """The limits in `settings`."""
    return Limits(
        time_limit=settings.worker_timeout,
        time_limit_grace=settings.time_limit_grace,
        cancel_grace=settings.cancel_grace,
        max_result_size=settings.max_result_size,
        max_memory=settings.worker_max_memory,
        max_tasks_per_child=settings.worker_max_tasks_per_child,
    )

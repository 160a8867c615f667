"""A running job of a child is asked to stop."""

from lapinq_core.domain.tasks.outcome import Outcome


class StopRequest:
    """The job ends as `outcome`. At `kill_at`, by time.perf_counter, its process is killed."""

    __slots__ = ("kill_at", "outcome")

    def __init__(self, outcome: Outcome, kill_at: float) -> None:
        self.outcome = outcome
        self.kill_at = kill_at

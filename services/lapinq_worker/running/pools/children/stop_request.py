"""What a job that runs in a child was told to stop for."""

from lapinq_core.domain.tasks.outcome import Outcome


class Order:
    """A running job is to stop; `kill_at`, by time.perf_counter, its process is killed."""

    __slots__ = ("kill_at", "outcome")

    def __init__(self, outcome: Outcome, kill_at: float) -> None:
        self.outcome = outcome
        self.kill_at = kill_at

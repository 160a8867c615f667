"""How many tasks to claim beyond the free slots, so that the pools never wait for the database.

Twice as many as the pools are measured to use up during one round trip. Slow tasks get none: another worker could run
what this one hoards.
"""

MAX_PREFETCH = 1_000
MAX_CLAIM = 2_048
MAX_CLAIM_BYTES = 1024 * 1024
"""More doesn't fit into PostgreSQL's `work_mem`, whose default is 4 MB and which holds several copies."""
_WEIGHT = 0.3


class Prefetch:
    """Measures from one claim to the next."""

    def __init__(self) -> None:
        self._ended_count = 0
        self._at: float | None = None
        self._rate = 0.0
        self._round_trip = 0.0
        self._bytes = 0.0
        self._most = MAX_CLAIM

    def claimed(
        self, now: float, round_trip: float, ended_count: int, payload_bytes: int, tasks: int
    ) -> None:
        """A claim came back at `now` after `round_trip` seconds; `ended_count` tasks have ended so far, ever."""
        if self._at is not None and now > self._at:
            self._rate = _mean(self._rate, (ended_count - self._ended_count) / (now - self._at))
        self._at, self._ended_count = now, ended_count
        self._round_trip = _mean(self._round_trip, round_trip)
        if tasks:
            self._bytes = _mean(self._bytes, payload_bytes / tasks)
            self._most = min(MAX_CLAIM, self._most * 2)

    def failed(self) -> None:
        """A claim failed. Its answer may have been too large for the database, so the next asks for less."""
        self._most = max(1, self._most // 2)

    def idled(self) -> None:
        """There was nothing to claim: the idle time says nothing about the pools."""
        self._at = None

    def stalled(self) -> None:
        """Prefetched tasks could not start: prefetch none for now."""
        self._rate = 0.0

    @property
    def value(self) -> int:
        """How many tasks should wait in the worker."""
        return int(min(MAX_PREFETCH, self._rate * self._round_trip * 2))

    def bounded(self, wanted: int) -> int:
        """`wanted`, or as many as fit into the answer when the tasks are large."""
        wanted = min(wanted, self._most)
        return (
            wanted if self._bytes * wanted <= MAX_CLAIM_BYTES else max(1, int(MAX_CLAIM_BYTES / self._bytes))
        )


def _mean(old: float, new: float) -> float:
    return new if old == 0.0 else old + _WEIGHT * (new - old)

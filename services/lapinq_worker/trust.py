"""What a worker may conclude from its own heartbeat, on the monotonic clock of its process. `now` is an argument.

Trust runs both ways. The lease is current as long as it is counted from when the last good beat was sent. This process
is calm once beats have come through on time, without a gap, for a whole lease: only then may it judge others, so that
an outage or a pause of this machine is not taken for the death of everybody else.
"""


class Trust:
    """`interval` between beats and `lease` in seconds. That the worker was `registered` counts as a beat."""

    def __init__(self, interval: float, lease: float, registered: float) -> None:
        self._interval = interval
        self._lease = lease
        self._sent = self._calm_since = registered

    def beat(self, sent: float, answered: float) -> None:
        """A beat sent at `sent` was confirmed at `answered`."""
        if sent - self._sent > 2 * self._interval or answered - sent > self._interval:
            self._calm_since = answered
        self._sent = sent

    def is_current(self, now: float) -> bool:
        """Whether the lease still holds for all this process knows."""
        return now - self._sent < self._lease

    def is_calm(self, now: float) -> bool:
        """Whether this process may judge others."""
        return now - self._sent < 2 * self._interval and now - self._calm_since >= self._lease

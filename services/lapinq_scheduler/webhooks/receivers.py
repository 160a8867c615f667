"""Limits how many webhooks are in flight to each host, so that slow receivers don't delay others.

Each host gets a few at a time, as the settings say. A host that did not answer last time is *failing* and gets one.
Failing and new hosts share half of all places, because anyone who enqueues can name any number of hosts that never
answer. The other half is for *known* hosts, which last answered quickly.
"""

from collections import Counter, OrderedDict

MAX_AT_ONCE = 20
"""Unless one host may have more than half of them."""
QUICK_SECONDS = 5.0
_MAX_REMEMBERED = 1000


class Receivers:
    """One process's deliveries in flight, and what it remembers of their hosts."""

    def __init__(self, per_host: int) -> None:
        self.per_host = per_host
        self.at_once = max(MAX_AT_ONCE, 2 * per_host)
        self._in_flight: Counter[str] = Counter()
        self._failing: OrderedDict[str, None] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()  # answered quickly last time

    @property
    def free(self) -> int:
        """How many more may be sent."""
        return self.at_once - self._in_flight.total()

    @property
    def free_for_any(self) -> int:
        """How many of `free` may go to any host, known or not."""
        doubtful = sum(count for host, count in self._in_flight.items() if host not in self._known)
        return max(0, min(self.free, self.at_once // 2 - doubtful))

    def known_places(self) -> dict[str, int]:
        """How many more may be sent to each known host."""
        return {host: max(self.per_host - self._in_flight[host], 0) for host in self._known}

    def places(self) -> dict[str, int]:
        """How many more may be sent to each host listed; to any other, `per_host`."""
        found = {host: max(self.per_host - count, 0) for host, count in self._in_flight.items()}
        left = self.at_once // 2 - sum(self._in_flight[host] for host in self._failing)
        for host in self._failing:  # the one that failed longest ago comes first
            found[host] = 1 if left > 0 and not self._in_flight[host] else 0
            left -= found[host]
        return found

    def started(self, host: str) -> None:
        """Records the start of a delivery."""
        self._in_flight[host] += 1

    def ended(self, host: str, *, answered: bool, seconds: float = 0.0) -> None:
        """Records the end of a delivery after `seconds`; `answered` if the host sent any response."""
        self._in_flight[host] -= 1
        if not self._in_flight[host]:
            del self._in_flight[host]
        self._failing.pop(host, None)
        self._known.pop(host, None)
        if answered and seconds > QUICK_SECONDS:
            return
        remembered = self._known if answered else self._failing
        remembered[host] = None
        if len(remembered) > _MAX_REMEMBERED:
            remembered.popitem(last=False)

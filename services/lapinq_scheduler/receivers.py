"""How many webhooks are on their way to which host, and how many more may be.

A receiver that is slow or away must not hold up the others. Each gets a few at once. One that gave no answer the last
time is in trouble: it gets one at a time. Those in trouble and those that are new get no more than half of the places
together, for whoever may enqueue can name any number of hosts that never answer, or late. The other half is for those
that answered the last time, and soon.
"""

from collections import Counter, OrderedDict

MOST_AT_ONCE = 20
MOST_EACH = 4
MOST_IN_TROUBLE = MOST_AT_ONCE // 2
SOON_SECONDS = 5.0
_MOST_REMEMBERED = 1000


class Receivers:
    """The places of one process."""

    def __init__(self) -> None:
        self._on_their_way: Counter[str] = Counter()
        self._troubled: OrderedDict[str, None] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()  # gave an answer the last time, and soon

    @property
    def free(self) -> int:
        """How many may be sent besides those on their way."""
        return MOST_AT_ONCE - self._on_their_way.total()

    @property
    def free_for_any(self) -> int:
        """How many of those may be sent to whatever host."""
        doubtful = sum(count for host, count in self._on_their_way.items() if host not in self._known)
        return max(0, min(self.free, MOST_IN_TROUBLE - doubtful))

    def known_places(self) -> dict[str, int]:
        """Of those that are known to answer soon, how many more may be sent to each."""
        return {host: max(MOST_EACH - self._on_their_way[host], 0) for host in self._known}

    def places(self) -> dict[str, int]:
        """Of some hosts, how many more may be sent to each; of any other it is `MOST_EACH`."""
        found = {host: max(MOST_EACH - count, 0) for host, count in self._on_their_way.items()}
        left = MOST_IN_TROUBLE - sum(self._on_their_way[host] for host in self._troubled)
        for host in self._troubled:  # who failed longest ago comes first
            found[host] = 1 if left > 0 and not self._on_their_way[host] else 0
            left -= found[host]
        return found

    def started(self, host: str) -> None:
        """One more is on its way."""
        self._on_their_way[host] += 1

    def ended(self, host: str, *, answered: bool, seconds: float = 0.0) -> None:
        """It arrived or did not, after so long; `answered` when there was any answer at all."""
        self._on_their_way[host] -= 1
        if not self._on_their_way[host]:
            del self._on_their_way[host]
        self._troubled.pop(host, None)
        self._known.pop(host, None)
        if answered and seconds > SOON_SECONDS:
            return
        remembered = self._known if answered else self._troubled
        remembered[host] = None
        if len(remembered) > _MOST_REMEMBERED:
            remembered.popitem(last=False)

"""When a fetcher that nobody wakes looks again.

While notifications arrive, an idle worker rests: it polls a tenth as often. Many peers together poll as often as ten.
Peers whose tasks all wait for a place together poll as often as one that doesn't rest: nobody announces a free place.
"""

import math
import random
import time

from lapinq_worker.claiming.member import Member

SHORTEST_PAUSE_SECONDS = 0.005
REST_FACTOR = 10.0
MAX_REST_SECONDS = 4.0
"""While notifications arrive, an idle worker waits this many times as long between two polls, up to this pause."""
RESTING_PEERS = 10
MAX_FLEET_REST_SECONDS = 10.0
"""More peers than this together poll only as often as this number would, until each has this pause."""


class Polling:
    """All times are by `time.monotonic`."""

    def __init__(self, interval: float, member: Member) -> None:
        self.interval = interval
        self._member = member
        self._due_at = 0.0
        self._opens_at = math.inf

    @property
    def is_early(self) -> bool:
        """Whether the next poll is still to come."""
        return time.monotonic() < self._due_at

    @property
    def due_in(self) -> float:
        """The seconds until the next poll."""
        return self._due_at - time.monotonic()

    def turn_begins(self) -> None:
        """What `opens_in` said before counts no more."""
        self._opens_at = math.inf

    def opens_in(self, seconds: float) -> None:
        """A rate or a closed limit lets the next task start then."""
        self._opens_at = min(self._opens_at, time.monotonic() + seconds)

    def poll_in(self, seconds: float) -> None:
        """The next poll comes then, or as soon as the next task may start."""
        now = time.monotonic()
        self._due_at = min(now + seconds, max(self._opens_at, now + SHORTEST_PAUSE_SECONDS))

    @property
    def rest(self) -> float:
        """The pause of an idle worker while notifications arrive, in seconds."""
        rest = min(self.interval * REST_FACTOR, MAX_REST_SECONDS)
        return self._spread(rest * max(1.0, self._member.place.peers / RESTING_PEERS))

    @property
    def rest_before_place(self) -> float:
        """The same while tasks wait for a place."""
        return self._spread(self.interval * self._member.place.peers)

    def _spread(self, seconds: float) -> float:
        """About so long, so that the polls of a fleet don't coincide."""
        seconds = min(seconds, MAX_FLEET_REST_SECONDS) * random.uniform(0.75, 1.25)  # noqa: S311  # no secret
        return max(self.interval, seconds)

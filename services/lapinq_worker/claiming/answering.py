"""Which workers answer a notice: as many as there is work for.

Each worker answers for a share of the ring of numbers that notices carry (`ready_notices`), and listens where these
arrive. The worker in whose share a number lies claims at once. The one opposite claims a little later, in case that the
first is busy or gone. The others don't claim: they would find nothing, and if everything goes wrong they find the task
by polling.

Shares follow from the workers' places in the fleet (`Place`), which each heartbeat tells them. So for some seconds two
may believe to have the same, and both answer, or none does at once.
"""

from lapinq_core.db.notify.ready_notices import ARCS, RING, ReadyNotice, channel_of, opposite
from lapinq_core.fleet.workers import Place

LATER_SECONDS = 0.02
"""After which the worker opposite claims."""


def pause_before_answer(notice: ReadyNotice, place: Place) -> float | None:
    """After how many seconds to claim; None: not at all."""
    if notice.count >= place.peers or _is_told(notice, place):
        return 0.0 if notice.count else None
    return LATER_SECONDS if notice.count <= 1 and opposite(notice.turn) in _share(place) else None


def channels_for(place: Place) -> frozenset[str]:
    """Where the notices arrive that a worker answers alone. Those for all workers have one channel."""
    share, arc = _share(place), RING // ARCS
    return frozenset(channel_of(turn) for turn in {*range(share.start, share.stop, arc), share.stop - 1})


def _is_told(notice: ReadyNotice, place: Place) -> bool:
    """Whether one of its numbers lies in the share: `count` of them, evenly spread from `turn` on."""
    share, count = _share(place), max(1, notice.count)
    ahead = (share.start - notice.turn) % RING
    next_number = notice.turn + -(-ahead * count // RING) * RING // count
    return next_number % RING in share


def _share(place: Place) -> range:
    return range(place.rank * RING // place.peers, (place.rank + 1) * RING // place.peers)

"""Which workers answer a notice: as many as there is work for.

Each notice reaches all workers. Those whose turn it is claim at once, one for each task. A few more claim a little
later, each after a longer pause, in case that the first ones are busy or gone. The others don't claim: they would find
nothing, and if everything goes wrong they find the task by polling.

Workers take turns by their place in the fleet (`Place`), which each heartbeat tells them, so for some seconds two may
believe to have the same. Then both answer, or none does at once.
"""

from lapinq_core.db.ready_notices import ReadyNotice
from lapinq_core.fleet.workers import Place

LATER_SECONDS = (0.01, 0.08)
"""After which those claim that come next."""


def pause_before_answer(notice: ReadyNotice, place: Place) -> float | None:
    """After how many seconds to claim; None: not at all."""
    behind = (place.rank - notice.turn) % place.peers - notice.count
    if behind < 0:
        return 0.0
    return LATER_SECONDS[behind] if behind < len(LATER_SECONDS) else None

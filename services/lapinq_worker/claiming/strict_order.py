"""Queues in the order named: one is claimed from only while those before it have nothing that could start.

Priorities order the tasks within a queue and no further. A long backlog in one queue keeps the later ones waiting for
as long as it lasts, which is what was asked for.
"""

from collections.abc import Sequence

from lapinq_core.tasks.work import HIGHEST_RANK, LOWEST_MARK
from lapinq_worker.claiming.queue_choice import QueueChoice, Turn


class StrictOrder(QueueChoice):
    """`queues` are those served, the first before all others."""

    is_strict = True

    def __init__(self, queues: Sequence[str]) -> None:
        super().__init__(dict.fromkeys(queues, 1))
        self._order = list(queues)

    def next(self, wanted: int) -> Turn | None:
        """The first queue with work, whatever its priority and share."""
        queue = next((name for name in self._order if name in self._heads), None)
        if queue is None:
            return None
        return Turn(queue, self._marks.get(queue, LOWEST_MARK), HIGHEST_RANK, wanted)

    def before(self, turn: Turn) -> list[str]:
        """Those that stand before the turn's."""
        return self._order[: self._order.index(turn.queue)]

    @property
    def open_to_transient(self) -> list[str]:
        """As far as the first queue with work, its own too: all of its tasks are equals, and some may go first."""
        for place, name in enumerate(self._order):
            if name in self._heads:
                return self._order[: place + 1]
        return self._order

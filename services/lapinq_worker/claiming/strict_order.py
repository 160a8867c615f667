"""Queues in the order named: the worker claims from one only while those before it have nothing to start.

Priorities order tasks only within a queue. A long backlog in one queue keeps the later ones waiting as long as it
lasts, which is what the user asked for.
"""

from collections.abc import Container, Sequence

from lapinq_core.tasks.claiming import LOWEST_MARK, Ask
from lapinq_worker.claiming.queue_choice import QueueChoice


class StrictOrder(QueueChoice):
    """`queues` in their order, the most urgent first."""

    is_strict = True

    def __init__(self, queues: Sequence[str]) -> None:
        super().__init__(dict.fromkeys(queues, 1))
        self._named = list(queues)

    def next(self, wanted: int, least: int = 1, alone: Container[str] = ()) -> list[Ask]:
        """The first queue with work, whatever its priority and share."""
        del least, alone
        queue = next((name for name in self._named if name in self._heads), None)
        if queue is None:
            return []
        return [Ask(queue, wanted, self._marks.get(queue, LOWEST_MARK))]

    def before(self, ask: Ask) -> list[str]:
        """The queues before the one of the ask."""
        return self._named[: self._named.index(ask.queue)]

    @property
    def open_to_transient(self) -> list[str]:
        """The queues up to and including the first with work: its fire-and-forget tasks are equal to its others."""
        for place, name in enumerate(self._named):
            if name in self._heads:
                return self._named[: place + 1]
        return self._named

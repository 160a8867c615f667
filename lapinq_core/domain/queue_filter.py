"""The part of a filter that names queues, and how it is narrowed to those that its reader may read.

Every list that shows something of queues takes such a filter. So what a user or key may not read is left out by the
database, from the rows as well as from their count.
"""

from collections.abc import Set as AbstractSet
from typing import TypeVar

import msgspec

Readable = AbstractSet[str] | None
"""The names of the queues that somebody may read; None for all."""


class QueueFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Only `queue`, and only one of `queues`; None is any."""

    queue: str | None = None
    queues: list[str] | None = None

    @property
    def named(self) -> list[str | None]:
        """The queues that it names; [None] for all."""
        if self.queue is not None or self.queues is None:
            return [self.queue]
        return [*self.queues]


_Filter = TypeVar("_Filter", bound=QueueFilter)


def narrowed(chosen: _Filter, readable: Readable) -> _Filter:
    """`chosen`, limited to the queues in `readable` as well. If it names none of these, nothing matches."""
    if readable is None or chosen.queue in readable:
        return chosen
    if chosen.queue is not None:
        left: list[str] = []
    elif chosen.queues is None:
        left = sorted(readable)
    else:
        left = [queue for queue in chosen.queues if queue in readable]
    if chosen.queue is None and len(left) == 1:
        return msgspec.structs.replace(chosen, queue=left[0], queues=None)  # searches of one queue are faster
    return msgspec.structs.replace(chosen, queues=left)


def includes(readable: Readable, queue: str) -> bool:
    """Whether they may read `queue`."""
    return readable is None or queue in readable


def as_list(readable: Readable) -> list[str] | None:
    """As a parameter of a statement."""
    return None if readable is None else sorted(readable)

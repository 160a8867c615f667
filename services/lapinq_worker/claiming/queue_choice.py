"""Which queue to claim from next: the highest priority first, then in turn, weighted. `docs/claiming.md` draws the
protocol.

For each queue it remembers the mark, where the next claim starts (the key of the last task this worker claimed, or of
the first one that a scan saw), and the rank of the first task known to wait. A full scan finds what enters before a
mark: a late commit, a released task, a higher priority.

Turns at equal rank use start-time fair queueing: each queue has a virtual time, what it was served over its weight, and
the queue furthest behind is next; of several at the same time the one whose last turn is longest ago. An idle queue
does not save up: its time is at least the clock, the virtual time at which the last turn began. The queues with work
stand in this order in a heap. An entry is outdated when its queue has moved on, and dropped when it comes up.

A hint (NOTIFY) waits for the fetcher's next turn, which follows it with a claim. So a hint that arrives during a claim
or a scan outlives it, because nobody knows whether that claim or scan still saw the task. A hint stays open until a
claim of its queue gets something or a full scan succeeds. While hints are open a scan also asks which queues are
paused; their hints are ignored until the next scan.
"""

import heapq
import math
from collections.abc import Container, Iterable, Mapping
from typing import TypeVar

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.tasks.claiming import HIGHEST_RANK, LOWEST_MARK, Ask

MAX_WEIGHT = 1000
MAX_HEADS = 10_000
MAX_REMEMBERED = MAX_HEADS
MAX_HINTS = 1000
LEAST_AT_ONCE, MOST_AT_ONCE = 16, 500
"""Queues that one claim asks: as many as it wants tasks, but no fewer, in case that some have nothing."""

V = TypeVar("V")
_NEVER = (0.0, 0)


class QueueChoice:
    """`weights` of the queues served; empty for all queues, each with weight 1.

    `is_strict`: the order of the queues comes before the priorities of their tasks (`strict_order`).
    """

    is_strict = False

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._marks: dict[str, tuple[int, int]] = {}
        self._heads: dict[str, int] = {}
        self._served: dict[str, tuple[float, int]] = {}  # virtual time, and the number of the last turn
        self._order: list[tuple[int, float, int, str]] = []  # a heap: head, virtual time, last turn, queue
        self._clock = 0.0
        self._turns = 0
        self._hints: dict[str, bool] = {}  # the queues with an open hint, and whether it was followed
        self._paused: frozenset[str] = frozenset()

    @property
    def weights(self) -> Mapping[str, int]:
        """By queue; empty when it serves all queues."""
        return self._weights

    @property
    def named(self) -> list[str] | None:
        """The queues served, None for all."""
        return list(self._weights) or None

    @property
    def knows_work(self) -> bool:
        """Whether some queue is believed to have a task waiting."""
        return bool(self._heads)

    @property
    def asks_for_paused(self) -> bool:
        """Whether a full scan should also ask which queues are paused."""
        return bool(self._hints)

    @property
    def has_open_hints(self) -> bool:
        """Whether a hint was followed and led to nothing: its task is before the mark, if there is one."""
        return any(self._hints.values())

    @property
    def marks(self) -> dict[str, tuple[int, int]]:
        """Where the next claims start, for the queues in which this worker has claimed tasks."""
        return dict(self._marks)

    def lowest_marks(self) -> dict[str, tuple[int, int]]:
        """Marks from which a scan of the named queues is a full one."""
        return dict.fromkeys(self._weights, LOWEST_MARK)

    def scanned(self, heads: Mapping[str, tuple[int, int]], paused: Iterable[str] = ()) -> None:
        """A full scan found work in these queues, each with the key of its first task, which becomes the mark: the
        next claim doesn't walk what the scan has walked.

        `paused` are the paused queues, if the scan asked for them.
        """
        self._heads = {queue: rank for queue, (rank, _) in heads.items()}
        self._paused = frozenset(paused).intersection(self._hints).difference(heads)
        self._hints = {
            queue: False
            for queue, followed in self._hints.items()
            if not followed and queue not in self._paused
        }
        for queue, key in heads.items():
            self._remember(self._marks, queue, key)
        self._sort()

    def heard(self, queue: str) -> bool:
        """A hint: `queue` has work. Returns whether a turn should follow it."""
        if self._weights and queue not in self._weights:
            return False
        self._remember(self._hints, queue, False, MAX_HINTS)
        return queue not in self._paused

    def follow_hints(self) -> None:
        """Call it in each turn of the fetcher. The tasks behind the hints most likely lie after the marks."""
        for queue, followed in self._hints.items():
            if not followed and queue not in self._paused and len(self._heads) < MAX_HEADS:
                self._hints[queue] = True
                if queue not in self._heads:
                    self._has_work(queue, self._marks.get(queue, LOWEST_MARK)[0])

    def close_hints(self) -> None:
        """Forgets the hints that led to nothing: a full scan comes anyway."""
        self._hints = {queue: False for queue, followed in self._hints.items() if not followed}

    def leave_out(self, queues: Iterable[str]) -> None:
        """Whatever waits in these queues can't start now; the next scan finds it again."""
        for queue in queues:
            self._heads.pop(queue, None)

    def next(self, wanted: int, least: int = 1, alone: Container[str] = ()) -> list[Ask]:
        """Where to claim up to `wanted` tasks now; nothing when nothing is known to wait.

        Several asks are for the same rank, and one claim serves them, in this order, until it has enough. Queues that
        are `alone` can't be claimed from together, and come without others. An ask that is alone is for `least` tasks
        or more, even if the queue's share of `wanted` is smaller: with quick tasks and many queues, a worker would
        otherwise wait for a claim per queue and get a few tasks from each.
        """
        queues, next_rank = self._first(min(max(wanted, LEAST_AT_ONCE), MOST_AT_ONCE))
        if not queues:
            return []
        # With others at the same rank a queue must not go on to its lower priorities in this turn.
        max_rank = self._heads[queues[0]] if len(queues) > 1 else next_rank
        shares = self._shares(queues, wanted)
        is_alone = queues[0] in alone
        queues = [queue for queue in queues if (queue in alone) == is_alone]
        if is_alone or len(queues) == 1:
            shares = {queue: min(wanted, max(shares[queue], least)) for queue in queues}
        return [Ask(queue, shares[queue], self._marks.get(queue, LOWEST_MARK), max_rank) for queue in queues]

    def claimed(
        self, ask: Ask, claims: list[Claim], *, mark: tuple[int, int] | None, all_of_it: bool
    ) -> None:
        """A claim came back; `all_of_it` means that it got as many as it asked for. `mark` is the key of the last of
        them that is in no lane, None if all are: those start in an order of their own, and are found from any mark.
        """
        queue = ask.queue
        self._clock = self._time(queue)
        self._turns += 1
        time = self._clock + len(claims) / self._weight(queue)
        self._remember(self._served, queue, (time, self._turns))
        if mark is not None:
            self._remember(self._marks, queue, mark)
        if claims and self._hints.get(queue):
            del self._hints[queue]
        rank = claims[-1].rank if claims else self._heads[queue]
        del self._heads[queue]
        if all_of_it:
            self._has_work(queue, rank)

    def before(self, ask: Ask) -> list[str]:
        """The queues whose fire-and-forget tasks go before this ask."""
        del ask
        return []

    @property
    def open_to_transient(self) -> list[str] | None:
        """The queues whose fire-and-forget tasks may be taken now; None: all."""
        return self.named

    def peek_after(self, ask: Ask) -> dict[str, tuple[int, int]]:
        """The mark to scan from after a short claim that stopped at another queue's rank: more may wait."""
        if ask.max_rank == HIGHEST_RANK or ask.queue in self._heads:
            return {}
        return {ask.queue: max(self._marks.get(ask.queue, LOWEST_MARK), (ask.max_rank + 1, 0))}

    def peeked_after(self, ask: Ask, heads: Mapping[str, tuple[int, int]]) -> None:
        """What a scan from `peek_after` found. Tasks of a lane lie beyond all marks. Those with a rank of the ask may
        not start now, or its claim had taken them: claims for them would follow each other until one may."""
        self.peeked({queue: key for queue, key in heads.items() if key[0] > ask.max_rank})

    def peeked(self, heads: Mapping[str, tuple[int, int]]) -> None:
        """A scan from the marks found work in these queues, each with the key of its first task."""
        for queue, key in heads.items():
            self._remember(self._marks, queue, key)
            self._has_work(queue, key[0])

    def _has_work(self, queue: str, rank: int) -> None:
        self._heads[queue] = rank
        if len(self._order) > 2 * len(self._heads) + 100:
            self._sort()
        else:
            heapq.heappush(self._order, (rank, *self._served.get(queue, _NEVER), queue))

    def _sort(self) -> None:
        self._order = [(rank, *self._served.get(queue, _NEVER), queue) for queue, rank in self._heads.items()]
        heapq.heapify(self._order)

    def _first(self, count: int) -> tuple[list[str], int]:
        """The first queues of the best rank, up to `count`, which is more than one, and the rank of the next."""
        if self._heads and not self._order:
            self._sort()
        order = self._order
        found: dict[str, tuple[int, float, int, str]] = {}
        best = next_rank = HIGHEST_RANK
        while order and len(found) < count:
            rank, time, turn, queue = order[0]
            if queue not in found and self._heads.get(queue) == rank:
                if found and rank != best:
                    next_rank = rank
                    break
                if self._served.get(queue, _NEVER) == (time, turn):
                    best = rank
                    found[queue] = order[0]
            heapq.heappop(order)
        for entry in found.values():
            heapq.heappush(order, entry)
        return list(found), next_rank

    def _shares(self, queues: list[str], wanted: int) -> dict[str, int]:
        """How many tasks of each bring it level with the others, if each got its share; at least one."""
        level, weight, served = 0.0, 0, float(wanted)
        for queue in queues:
            if weight and self._time(queue) >= level:
                break
            weight += self._weight(queue)
            served += self._time(queue) * self._weight(queue)
            level = served / weight
        return {
            queue: min(wanted, max(1, math.ceil((level - self._time(queue)) * self._weight(queue))))
            for queue in queues
        }

    def _remember(self, by_queue: dict[str, V], queue: str, value: V, most: int = MAX_REMEMBERED) -> None:
        # In order of use: when there are too many, the queue that was used longest ago goes.
        by_queue.pop(queue, None)
        by_queue[queue] = value
        if len(by_queue) > max(most, len(self._weights)):
            del by_queue[next(iter(by_queue))]

    def _time(self, queue: str) -> float:
        return max(self._served.get(queue, _NEVER)[0], self._clock)

    def _weight(self, queue: str) -> int:
        return self._weights.get(queue, 1)


def parse_queues(texts: tuple[str, ...]) -> dict[str, int]:
    """Weights by queue from "video=3" or "video". Raises `InvalidValue`."""
    weights: dict[str, int] = {}
    for text in texts:
        name, equals, weight = text.partition("=")
        check_name("queue", name)
        if not equals:
            weights[name] = 1
        elif weight.isascii() and weight.isdigit() and 1 <= int(weight) <= MAX_WEIGHT:
            weights[name] = int(weight)
        else:
            raise InvalidValue("queue", f"{text!r}: the weight must be a whole number from 1 to {MAX_WEIGHT}")
    return weights

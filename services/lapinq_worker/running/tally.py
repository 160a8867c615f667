"""Counts claims and outcomes for the metrics and for the figures over time.

Tens of thousands of attempts may end in a second, so they are gathered and counted in batches.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client.core import Metric

from lapinq_core.domain.figures import ALL_QUEUES, Figures
from lapinq_core.domain.histogram import count_into
from lapinq_core.domain.tasks.claim import Claim, by_queue
from lapinq_core.domain.tasks.decide import Complete, Drop, Fail, Next, Nothing, Release, Retry
from lapinq_core.domain.tasks.outcome import Outcome, Snoozed, Suspended, Throttled
from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.tallies import MAX_QUEUES, MAX_TASKS, OTHER, Bounded, Histograms
from lapinq_core.runtime.threads import any_thread

Ran = tuple[str, str, str, float, str]  # queue, task, outcome, seconds, id (empty for fire-and-forget)
_Pair = tuple[str, str]
_Key = TypeVar("_Key", str, _Pair)

COMPLETED, FAILED, RETRIED, CANCELLED, SNOOZED, SUSPENDED, RELEASED = (
    "completed",
    "failed",
    "retried",
    "cancelled",
    "snoozed",
    "suspended",
    "handed_back",
)

MOST_FIGURES = 2_000
"""Queues, and pairs of queue and task, that have figures of their own between two writes. The rest of the queues only
count among all queues; the rest of the pairs not at all."""
_REST: _Pair = (ALL_QUEUES, "")

_TOLD = frozenset({COMPLETED, FAILED, RETRIED})
"""The outcomes that figures have."""
_FINAL = frozenset({COMPLETED, FAILED})

RUN_BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
WAIT_BOUNDS = (0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)


class _Named(dict[_Key, Figures]):
    """Figures by name, of the first `MOST_FIGURES`; those of all further names together are those of `rest`."""

    def __init__(self, rest: _Key) -> None:
        super().__init__()
        self._rest = rest

    def __missing__(self, name: _Key) -> Figures:
        key = name if len(self) < MOST_FIGURES else self._rest
        return self.setdefault(key, Figures())


class Tally:
    """Append claims that start to `starts`, attempts that ran to `ends`, and call `count_ends` now and then."""

    def __init__(self) -> None:
        self.starts: list[Claim] = []
        self.ends: list[Ran] = []
        self._queues: Bounded[str] = Bounded(MAX_QUEUES, OTHER)
        self._pairs: Bounded[_Pair] = Bounded(MAX_TASKS, (OTHER, OTHER))
        self._outcomes: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._runs: Histograms[tuple[str, ...]] = Histograms(RUN_BOUNDS)
        self._waits: Histograms[tuple[str, ...]] = Histograms(WAIT_BOUNDS)
        self._figures = _Named[str](ALL_QUEUES)
        self._task_figures = _Named[_Pair](_REST)

    def claimed(self, claims: Sequence[Claim]) -> None:
        """The worker claimed these: queue by queue, or all fire-and-forget tasks."""
        if not claims:
            return
        if claims[0].is_transient or claims[0].queue_name != claims[-1].queue_name:
            for queue, of_queue in by_queue(claims).items():
                self._figures[queue].started += len(of_queue)
        else:
            self._figures[claims[0].queue_name].started += len(claims)

    def released(self, claims: Iterable[Claim]) -> None:
        """These were claimed, and are released before they started."""
        for claim in claims:
            self._figures[claim.queue_name].started -= 1

    def count_ends(self) -> None:
        """Counts the gathered `starts` and `ends`."""
        if self.starts:
            self._count_starts()
        if not self.ends:
            return
        gathered = self.ends[:]
        self.ends.clear()
        queues, tasks, outcomes, seconds, _ = zip(*gathered, strict=True)
        counts = Counter(zip(queues, tasks, outcomes, strict=True))
        for (queue, task, outcome), count in counts.items():
            self._count((queue, task), outcome, count)
        if len({(queue, task) for queue, task, _ in counts}) == 1:
            self._ran((queues[0], tasks[0]), sorted(seconds), gathered)
            return
        by_pair: defaultdict[_Pair, list[Ran]] = defaultdict(list)
        for one in gathered:
            by_pair[one[:2]].append(one)
        for pair, ended in by_pair.items():
            self._ran(pair, sorted([one[3] for one in ended]), ended)

    def ended(self, claim: Claim, outcome: str, seconds: float) -> None:
        """An attempt ended as `outcome`. One that has not started took no time."""
        if seconds > 0:
            self.ends.append((claim.queue_name, claim.task_name, outcome, seconds, claim.id))
            return
        self._count((claim.queue_name, claim.task_name), outcome, 1)
        if outcome in (RELEASED, CANCELLED):
            self._figures[claim.queue_name].started -= 1

    def take_figures(self) -> dict[str, Figures]:
        """The figures since the last call, by queue. The caller may `give_back` them."""
        self.count_ends()
        taken, self._figures = self._figures, _Named[str](ALL_QUEUES)
        return taken

    def give_back(self, figures: Mapping[str, Figures]) -> None:
        """The next `take_figures` returns these too."""
        for queue, each in figures.items():
            self._figures[queue].add(each)

    def take_task_figures(self) -> dict[_Pair, Figures]:
        """As `take_figures`, by queue and task."""
        self.count_ends()
        taken, self._task_figures = self._task_figures, _Named[_Pair](_REST)
        taken.pop(_REST, None)
        return taken

    def give_task_figures_back(self, figures: Mapping[_Pair, Figures]) -> None:
        """The next `take_task_figures` returns these too."""
        for pair, each in figures.items():
            self._task_figures[pair].add(each)

    @any_thread
    def collect(self) -> Iterator[Metric]:
        yield catalogue.OUTCOMES.of(self._outcomes)
        yield catalogue.RUNS.of_histograms(self._runs)
        yield catalogue.WAITS.of_histograms(self._waits)

    def _count_starts(self) -> None:
        """A task that was released before it started is claimed again, so its wait counts when it starts."""
        gathered = self.starts[:]
        self.starts.clear()
        by_queue: defaultdict[str, list[float]] = defaultdict(list)
        for claim in gathered:
            if claim.waited is not None:
                by_queue[claim.queue_name].append(claim.waited)
        for name, waits in by_queue.items():
            waits.sort()
            self._waits[(self._queues[name],)].observe_all(waits)
            count_into(self._figures[name].waits, waits)

    def _count(self, pair: _Pair, outcome: str, count: int) -> None:
        self._outcomes[(*self._pair(pair), outcome)] += count
        if outcome not in _TOLD:
            return
        for figures in (self._figures[pair[0]], self._task_figures[pair]):
            if outcome == COMPLETED:
                figures.completed += count
            elif outcome == FAILED:
                figures.failed += count
            else:
                figures.retried += count

    def _ran(self, pair: _Pair, ordered: Sequence[float], ended: Sequence[Ran]) -> None:
        """Attempts of a task have `ended`. In ascending order, they ran for so long."""
        self._runs[(self._queues[pair[0]],)].observe_all(ordered)
        of_task = self._task_figures[pair]
        count_into(self._figures[pair[0]].runs, ordered, of_task.runs)
        if ordered[-1] > of_task.slowest_from:
            of_task.ran(
                [
                    (seconds, task_id)
                    for _, _, outcome, seconds, task_id in ended
                    if task_id and outcome in _FINAL
                ]
            )

    def _pair(self, pair: _Pair) -> _Pair:
        queue, task = pair
        # Tasks of a queue counted under "other" take no place from those of other queues.
        return self._pairs[(queue, task) if self._queues[queue] == queue else (OTHER, OTHER)]


def outcome_of(outcome: Outcome, following: Next) -> str:
    """The label of an attempt that ended as `outcome` and is followed by `following`."""
    match following:
        case Complete() | Nothing():
            return COMPLETED
        case Fail():
            return FAILED
        case Retry():
            return RETRIED
        case Drop():
            return CANCELLED
        case Release() if isinstance(outcome, Suspended):
            return SUSPENDED
        case Release():
            return SNOOZED if isinstance(outcome, Snoozed | Throttled) else RELEASED

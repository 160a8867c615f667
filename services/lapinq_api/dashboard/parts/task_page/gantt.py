"""The history of a task on a time axis: a lane for each attempt, with the wait before it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from lapinq_api.dashboard.page.words import address
from lapinq_api.dashboard.parts.task_page.timeline import Step, StepKind
from lapinq_core.lookup.task_detail import AttemptDetail

MAX_LANES = 20
"""The latest lanes, which are shown at once."""
OPEN_SHARE = 0.5
"""Of the axis for a piece that continues. Its length changes each second, and only a script shows it."""
TICKS = 5
"""Approximate number of marks on the axis."""
_NICE = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
    7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 1_728_000, 8_640_000, 86_400_000, 864_000_000,
)  # fmt: skip


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A wait, or an attempt by its outcome, from `begin` to `end`: seconds on the axis. `end` is None if it continues.

    `x` and `width` are percent of the axis.
    """

    kind: str
    begin: float
    end: float | None
    x: float
    width: float


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt with the wait before it, an end without an attempt (`attempt.started_at` is None), or a wait that
    continues (no attempt).

    `waited` and `ran` are in seconds, None if unknown or if it continues. `due` is when a task is due that waits for
    its time. `requeued` is the requeue before the wait.
    """

    pieces: Sequence[Piece]
    attempt: AttemptDetail | None
    since: datetime
    waited: float | None
    ran: float | None
    due: datetime | None
    requeued: Step | None

    @property
    def address(self) -> str | None:
        """The attempt's start, for URLs."""
        started_at = self.attempt.started_at if self.attempt else None
        return address(started_at) if started_at else None


class Tick(msgspec.Struct, frozen=True):
    """A mark on the axis, in seconds and percent."""

    seconds: float
    x: float

    @property
    def is_whole(self) -> bool:
        """Whether it is a number of seconds below ten, which a duration would show with a decimal."""
        return self.seconds < 10 and self.seconds == int(self.seconds)


class Gantt(msgspec.Struct, frozen=True, kw_only=True):
    """The lanes, oldest first, and their axis: `seconds` from `begin` on, more if it `is_open`."""

    lanes: Sequence[Lane]
    begin: datetime
    seconds: float
    is_open: bool
    ticks: Sequence[Tick]


class _Span(msgspec.Struct):
    kind: str
    begin: datetime
    end: datetime | None


def gantt_of(steps: Sequence[Step], *, is_cut: bool = False) -> Gantt:
    """The lanes of `steps`, oldest first; `is_cut` if earlier attempts are missing."""
    drafts = _drafts(steps[1:])
    spans = [span for _, spans, _ in drafts for span in spans]
    begin = spans[0].begin if is_cut and spans else steps[0].at
    known = max(_after(begin, span.end or span.begin) for span in spans) if spans else 0.0
    is_open = any(span.end is None for span in spans)
    length = _length(known, is_open=is_open)
    lanes = [
        Lane(
            pieces=[_piece(span, begin, length) for span in spans],
            attempt=last.attempt if last.kind is not StepKind.WAITS else None,
            since=last.at,
            waited=_waited(spans),
            ran=last.seconds if last.kind is StepKind.ATTEMPT else None,
            due=last.due,
            requeued=requeued,
        )
        for last, spans, requeued in drafts
    ]
    return Gantt(lanes=lanes, begin=begin, seconds=known, is_open=is_open, ticks=ticks_of(known, length))


def ticks_of(known: float, length: float) -> list[Tick]:
    """Round times from the beginning of an axis of `length` seconds, of which `known` are known."""
    if known <= 0:
        return [Tick(0, 0.0)]
    step = next((one for one in _NICE if known / one <= TICKS), _NICE[-1])
    return [Tick(n * step, _percent(n * step, length)) for n in range(int(known / step) + 1)]


def _drafts(steps: Sequence[Step]) -> list[tuple[Step, list[_Span], Step | None]]:
    """For each lane its last step, the spans in it, and the requeue before it."""
    drafts: list[tuple[Step, list[_Span], Step | None]] = []
    spans: list[_Span] = []
    requeued: Step | None = None
    for step in steps:
        match step.kind:
            case StepKind.ENQUEUED:
                pass
            case StepKind.REQUEUED:
                requeued = step
            case StepKind.PLANNED | StepKind.WAITED:
                spans.append(_Span(step.kind, step.at, _end(step)))
            case StepKind.WAITS:
                drafts.append((step, [*spans, _Span(step.kind, step.at, None)], requeued))
            case StepKind.ATTEMPT | StepKind.ENDED:
                assert step.attempt is not None
                if step.kind is StepKind.ATTEMPT:
                    spans.append(_Span(step.attempt.outcome, step.at, step.attempt.finished_at))
                drafts.append((step, spans, requeued))
                spans, requeued = [], None
    return drafts


def _length(known: float, *, is_open: bool) -> float:
    if is_open:
        return known / OPEN_SHARE or 1.0
    return known or 1.0


def _piece(span: _Span, begin: datetime, length: float) -> Piece:
    since = _after(begin, span.begin)
    end = None if span.end is None else max(_after(begin, span.end), since)
    x = _percent(since, length)
    width = 100 - x if end is None else _percent(end - since, length)
    return Piece(kind=span.kind, begin=since, end=end, x=x, width=round(width, 3))


def _waited(spans: Sequence[_Span]) -> float | None:
    ended = [span for span in spans if span.kind == StepKind.WAITED and span.end is not None]
    return sum(_after(span.begin, span.end) for span in ended if span.end) if ended else None


def _end(step: Step) -> datetime:
    return step.at + timedelta(seconds=step.seconds or 0)


def _after(begin: datetime, at: datetime) -> float:
    return max((at - begin) / timedelta(seconds=1), 0.0)


def _percent(seconds: float, length: float) -> float:
    return round(100 * seconds / length, 3)

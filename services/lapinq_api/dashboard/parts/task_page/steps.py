"""The steps and waits of a durable task on a time axis, across its attempts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from lapinq_api.credentials.payloads import PayloadView
from lapinq_api.dashboard.parts.task_page.gantt import OPEN_SHARE, Tick, ticks_of
from lapinq_core.domain.redact import HIDDEN_TEXT, RESULT
from lapinq_core.lookup.steps import WHOLE_BYTES, Line, Outline
from lapinq_core.lookup.task_detail import Value


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A line with its bar from `begin` to `end`, in seconds; None if it waits. `x` and `width` are percent."""

    line: Line
    begin: float
    end: float | None
    x: float
    width: float

    @property
    def status(self) -> str:
        """How it ended, or that it waits."""
        line = self.line
        if line.waiting:
            return "waiting"
        if line.failed:
            return "failed"
        return "timed_out" if line.timed_out else "completed"


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """The lanes, oldest first, and their axis: `seconds` from `begin` on, more if it `is_open`."""

    lanes: Sequence[Lane]
    begin: datetime
    seconds: float
    is_open: bool
    ticks: Sequence[Tick]
    count: int
    is_cut: bool
    queue: str

    def result(self, line: Line, payloads: PayloadView) -> Value | None:
        """The result, as the audience may see it: of another task by its queue. A cut one is masked completely."""
        found = line.result
        queue = self.queue if line.other_id is None else line.other_queue
        if found is None or not payloads.hides(queue):
            return found
        if found.size > WHOLE_BYTES:
            return Value(HIDDEN_TEXT, len(HIDDEN_TEXT))
        text: str = payloads.mask_object({RESULT: found.text}, queue)[RESULT]
        return Value(text, len(text.encode()))


def steps_figure(outline: Outline, queue: str) -> Steps | None:
    """None for a task without steps."""
    lines = outline.lines
    if not lines:
        return None
    begin = min(line.began_at for line in lines)
    is_open = any(line.waiting for line in lines)
    known = max(_after(begin, line.ended_at or line.began_at) for line in lines)
    length = (known / OPEN_SHARE if is_open else known) or 1.0
    return Steps(
        lanes=[_lane(line, begin, length) for line in lines],
        begin=begin,
        seconds=known,
        is_open=is_open,
        ticks=ticks_of(known, length),
        count=outline.count,
        is_cut=outline.is_cut,
        queue=queue,
    )


def _lane(line: Line, begin: datetime, length: float) -> Lane:
    since = _after(begin, line.began_at)
    end = None if line.ended_at is None else max(_after(begin, line.ended_at), since)
    x = round(100 * since / length, 3)
    width = 100 - x if end is None else 100 * (end - since) / length
    return Lane(line=line, begin=since, end=end, x=x, width=round(width, 3))


def _after(begin: datetime, at: datetime) -> float:
    return max((at - begin) / timedelta(seconds=1), 0.0)

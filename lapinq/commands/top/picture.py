"""The lines on the screen. Pure functions of the API's answers, the view and the terminal's size."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.text import Text

from lapinq.commands.output.tables import STYLES
from lapinq.commands.output.terminal import plain
from lapinq.commands.top import quantities
from lapinq.commands.top.panes import Pane, Seen
from lapinq.commands.top.table import column_widths, heading_line, row_lines
from lapinq.commands.top.view import View

_MIN_ROWS = 9
"""With fewer lines for the panes, only the selected one is shown."""
_EMPTY = {
    Pane.QUEUES: "no queues yet",
    Pane.WORKERS: "no workers",
    Pane.RUNNING: "nothing runs",
    Pane.FAILED: "no failed tasks",
}
_KEYS = (
    ("Tab", "the next list: queues, workers, running tasks, failed tasks"),
    ("↑ ↓ j k", "select a row; also Page Up, Page Down, Home and End"),
    ("p", "pause the selected queue, or resume it"),
    ("r", "requeue the failed tasks of the selected queue, or the selected failed task; asks first"),
    ("c", "cancel the selected running task; asks first"),
    ("Q", "quiet the selected worker, so that it claims nothing more, or resume it"),
    ("?", "this page, and back"),
    ("q", "quit; so does Ctrl-C"),
)
_HINTS = {
    Pane.QUEUES: "p pause  r requeue failed",
    Pane.WORKERS: "Q quiet",
    Pane.RUNNING: "c cancel",
    Pane.FAILED: "r requeue",
}


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What surrounds the figures: where they are from, how often they come, and the time of the day."""

    place: str
    interval: float
    clock: str


def picture(seen: Seen, view: View, frame: Frame, width: int, height: int) -> list[Text]:
    """The lines of a screen, at most `height`, each at most `width` wide."""
    head = [_title(frame, seen, width), *(_summary(seen.overview) if seen.overview else ())]
    body = _help() if view.is_help else list(_panes(seen, view, width, height - len(head) - 1))
    lines = [*head, *body][: height - 1]
    lines += [Text()] * (height - 1 - len(lines))
    lines.append(_foot(view))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def whole_picture(seen: Seen, width: int | None) -> list[Text]:
    """All rows, once. Without a `width`, all columns in full."""
    lines = list(_summary(seen.overview)) if seen.overview else []
    for pane in (Pane.QUEUES, Pane.WORKERS, Pane.RUNNING):
        rows = seen.rows(pane)
        count = _count(seen, pane)
        widths = column_widths(pane, rows, width, count)
        lines += [heading_line(pane, widths, count)]
        lines += row_lines(rows, widths) or [Text(_EMPTY[pane], "dim")]
        lines.append(Text())
    for line in lines:
        line.rstrip()
        if width is not None:
            line.truncate(width, overflow="ellipsis")
    return lines[:-1]


def _title(frame: Frame, seen: Seen, width: int) -> Text:
    line = Text().append("lapinq top", "bold")
    line.append(f"  {plain(frame.place)}", "dim")
    if seen.overview is not None:
        queue = seen.overview["queue"]
        of = f"queue {plain(queue)}, " if queue is not None else ""
        minutes = seen.overview["window_seconds"] // 60
        line.append(f"  {of}last {minutes} min, every {frame.interval:g} s", "dim")
    if seen.error:
        line = (
            Text()
            .append("lapinq top", "bold")
            .append(f"  {plain(seen.error)}: trying again", STYLES["failed"])
        )
    room = width - line.cell_len - len(frame.clock)
    return line.append(" " * room + frame.clock) if room > 1 else line


def _summary(overview: Mapping[str, Any]) -> Iterator[Text]:
    totals = Text().append("tasks ", "dim")
    for status, number in overview["totals"].items():
        if number or status in {"pending", "running", "completed", "failed"}:
            totals.append(f"  {quantities.count(number)}", STYLES.get(status, "") if number else "")
            totals.append(f" {status}", "dim")
    yield totals
    rates = Text().append("per s ", "dim")
    for name, number in overview["rates"].items():
        style = STYLES["failed"] if name == "failed" and number else ""
        rates.append(f"  {quantities.rate(number)}", style).append(f" {name}", "dim")
    yield rates
    times = Text()
    for name in ("wait", "run"):
        times.append(f"{name:<6}" if name == "wait" else f"     {name}", "dim")
        for share, seconds in overview[name].items():
            times.append(f"  {share} ", "dim").append(quantities.duration(seconds) or "-")
    yield times
    yield Text()


def _panes(seen: Seen, view: View, width: int, height: int) -> Iterator[Text]:
    """The lists: the last place is shared by running and failed tasks."""
    last = Pane.FAILED if view.pane is Pane.FAILED else Pane.RUNNING
    panes = [Pane.QUEUES, Pane.WORKERS, last] if height >= _MIN_ROWS else [view.pane]
    wanted = [max(1, len(seen.rows(pane))) for pane in panes]
    rooms = share_out(height - len(panes), wanted, panes.index(view.pane))
    has_gaps = height - len(panes) - sum(rooms) >= len(panes) - 1
    for pane, room in zip(panes, rooms, strict=True):
        if has_gaps and pane is not panes[0]:
            yield Text()
        rows, place = seen.rows(pane), view.place(seen, pane)
        first = max(0, place - room + 1)
        shown = rows[first : first + room]
        count = _count(seen, pane)
        widths = column_widths(pane, shown, width, count)
        is_here = pane is view.pane
        yield heading_line(pane, widths, count, is_selected=is_here)
        yield from row_lines(shown, widths, selected=place - first if is_here else None)
        if not rows and room:
            yield Text(_empty(seen, pane), "dim")


def share_out(lines: int, wanted: Sequence[int], favoured: int) -> list[int]:
    """How many lines each list gets of `lines`: an equal share, and what others leave, the favoured one first."""
    equal = max(0, lines // len(wanted))
    given = [min(each, equal) for each in wanted]
    for place in sorted(range(len(wanted)), key=lambda place: place != favoured):
        given[place] += max(0, min(wanted[place] - given[place], lines - sum(given)))
    return given


def _count(seen: Seen, pane: Pane) -> str:
    """How many there are, where the API leaves some out."""
    if seen.overview is None or pane not in {Pane.QUEUES, Pane.WORKERS}:
        return ""
    more = seen.overview[f"more_{pane}"]
    return f" ({more + len(seen.rows(pane))})" if more else ""


def _empty(seen: Seen, pane: Pane) -> str:
    answered = seen.failed is not None if pane is Pane.FAILED else seen.overview is not None
    return _EMPTY[pane] if answered else "…"


def _help() -> list[Text]:
    return [Text().append(f"{keys:<9}", "bold").append(what) for keys, what in _KEYS]


def _foot(view: View) -> Text:
    if view.question is not None:
        return Text(f"{plain(view.question.text)} y/n", "bold yellow")
    if view.notice:
        return Text(plain(view.notice), STYLES["failed"] if view.is_warning else "")
    return Text(f"Tab next list  ↑↓ select  {_HINTS[view.pane]}  ? help  q quit", "dim")

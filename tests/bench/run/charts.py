"""Bar charts of a report as SVG, with error bars from the lowest to the highest run; readable in light and dark."""

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

from tests.bench.run.figures import OURS, Figure, at_best, by_metric, number
from tests.bench.run.report import Report

WAITS = "wait beside a flood, "
SHARES = "share of the starts of three floods, "
LOADS = (
    "drain, one process",
    "drain, with the default log",
    "drain, plain functions in threads",
    "drain, plain functions in child processes",
    "drain of failures",
    "drain of failures and their retries",
    "drain, 10 kB of arguments",
    "drain of a hundred queues",
    "producer and worker together",
)


class Chart(msgspec.Struct, frozen=True):
    """`text` is for those who can't see it. A panel for each of `metrics` has a bar a contender, best first; one for
    each of `listed`, which are titles with metrics or the beginning of their names, has a bar a metric, of lapinq."""

    text: str
    metrics: Sequence[str] = ()
    listed: dict[str, tuple[str, ...] | str] = {}
    is_logarithmic: bool = False
    """From 1 on, in its first panel."""


CHARTS = {
    "drain": Chart(
        "Tasks a second of one and of two worker processes", ["drain, one process", "drain, two processes"]
    ),
    "latency": Chart("Start latency", ["start latency, p50", "start latency, p99"]),
    "enqueue": Chart(
        "Tasks enqueued a second", ["bulk enqueue, 1,000 a call", "single enqueue, 8 in flight"]
    ),
    "wal": Chart("Bytes of write-ahead log a task", ["WAL per task, enqueued and run", "WAL per task, run"]),
    "burdens": Chart(
        "Drains under a held snapshot and beside a long queue",
        [
            "drain under a held snapshot, first fifth",
            "drain under a held snapshot, last fifth",
            "drain of one queue, nothing in another",
            "drain of one queue, 1,000,000 tasks in another",
        ],
    ),
    "loads": Chart("Drains of other loads, of lapinq", listed={"lapinq, tasks/s; more is better": LOADS}),
    "fairness": Chart(
        "Waits of a small tenant beside a flood, and shares of floods by weight",
        listed={
            "wait of a small tenant's task beside a million of one key, ms; less is better": WAITS,
            "share of the starts of three floods by weight, %; median, lowest and highest second": SHARES,
        },
        is_logarithmic=True,
    ),
}
"""By the name of the file."""

WIDTH = 820
FIGURES = 260
ROW = 24
HEAD = 34
TOP = 56
LETTER = 7
"""Room for a letter of a label."""

_STYLE = """
  .ground { fill: #ffffff; } .text { fill: #1f2328; } .faint { fill: #59636e; }
  .ours { fill: #0969da; } .other { fill: #9a9fa5; } .error { stroke: #1f2328; } .axis { stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } .text { fill: #f0f6fc; } .faint { fill: #9198a1; }
    .ours { fill: #4493f8; } .other { fill: #5b636c; } .error { stroke: #f0f6fc; } .axis { stroke: #3d444d; }
  }
  text { font: 13px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
  .title { font-weight: 600; } .small { font-size: 11px; }
"""

_Panel = tuple[str, list[tuple[str, Figure, str]]]
"""Its title, and of each bar the label, the figure, and what stands behind the number."""


def charts(report: Report) -> dict[str, str]:
    """The SVG of each chart that the report has figures for."""
    panels = {name: _panels(report, chart) for name, chart in CHARTS.items()}
    return {name: _drawn(report, CHARTS[name], shown) for name, shown in panels.items() if shown}


def _panels(report: Report, chart: Chart) -> list[_Panel]:
    metrics = {
        metric.name: (metric, sides) for metric, sides in by_metric(at_best(report.figures).values()).items()
    }
    briefs = {one.name: one.brief for one in report.contenders}
    panels: list[_Panel] = []
    for metric, found in (metrics[name] for name in chart.metrics if name in metrics):
        sides = sorted(found.values(), key=lambda one: one.median, reverse=metric.better == "more")
        title = f"{metric.name}, {metric.unit}; {metric.better} is better"
        panels.append((title, [(one.contender, one, briefs.get(one.contender, "")) for one in sides]))
    for title, which in chart.listed.items():
        prefix = which if isinstance(which, str) else ""
        names = [name for name in metrics if name.startswith(which)] if prefix else which
        own = {name: metrics[name][1].get(OURS) for name in names if name in metrics}
        if rows := [(name.removeprefix(prefix), one, "") for name, one in own.items() if one]:
            panels.append((title, rows))
    return panels


def _drawn(report: Report, chart: Chart, panels: Sequence[_Panel]) -> str:
    body: list[str] = []
    y = TOP
    for place, (title, rows) in enumerate(panels):
        body.append(_text(16, y + 16, title, "text title"))
        y += HEAD
        body += _bars(y, rows, is_logarithmic=chart.is_logarithmic and place == 0)
        y += ROW * len(rows) + 14
    first = panels[0][1][0][1]
    measured = next((other for other in report.added if first in other.figures), report)
    return _document(measured, {one.contender for _, rows in panels for _, one, _ in rows}, y, body)


def _bars(top: int, rows: Sequence[tuple[str, Figure, str]], *, is_logarithmic: bool) -> list[str]:
    labels = 24 + LETTER * max(len(label) for label, _, _ in rows)

    def length(value: float) -> float:
        return math.log10(max(value, 1)) if is_logarithmic else value

    scale = (WIDTH - labels - FIGURES) / (length(max(one.highest for _, one, _ in rows)) or 1)
    lines = [f'<line class="axis" x1="{labels}" y1="{top - 4}" x2="{labels}" y2="{top + ROW * len(rows)}"/>']
    for place, (label, one, brief) in enumerate(rows):
        y = top + place * ROW
        kind = "ours" if one.contender == OURS else "other"
        low, high = labels + length(one.lowest) * scale, labels + length(one.highest) * scale
        width = length(one.median) * scale
        lines += [
            _text(labels - 8, y + 13, label, "text", anchor="end"),
            f'<rect class="{kind}" x="{labels}" y="{y}" width="{width:.1f}" height="18" rx="2"/>',
            f'<path class="error" d="M{low:.1f} {y + 9}H{high:.1f}M{low:.1f} {y + 5}v8M{high:.1f} {y + 5}v8"/>',
            f'<text x="{high + 8:.0f}" y="{y + 13}"><tspan class="text">{number(one.median)}</tspan>'
            f'<tspan class="faint small" dx="8">{escape(brief)}</tspan></text>',
        ]
    return lines


def _document(report: Report, contenders: set[str], height: int, body: Sequence[str]) -> str:
    machine = f"{report.machine['processor']}, {report.machine['cores']} cores; {report.at:%Y-%m-%d}"
    runs = f"runs: {report.plan.runs} at most, their median, lowest and highest"
    server = f"PostgreSQL {report.postgresql['server_version']}, fsync {report.postgresql['fsync']}"
    server += f", synchronous_commit {report.postgresql['synchronous_commit']}"
    if report.redis:
        server += f"; Redis {report.redis['version']}, appendfsync {report.plan.redis_fsync}"
    versions = [
        f"{one.name} ({_version(one.versions)})" for one in report.contenders if one.name in contenders
    ]
    wrapped = _wrapped(versions, 118)
    feet = height + 12
    height += 16 * len(wrapped) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
        _text(16, 22, f"{machine}, {runs}", "faint small"),
        _text(16, 38, server, "faint small"),
        *body,
        *(_text(16, feet + 16 * place, line, "faint small") for place, line in enumerate(wrapped)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _version(versions: dict[str, str]) -> str:
    """That of the contender itself comes after that of its language."""
    own = (version for name, version in versions.items() if name not in {"Python", "Node", "commit"})
    return next(own, "")


def _wrapped(words: Sequence[str], width: int) -> list[str]:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += f"{', ' if lines[-1] else ''}{word}"
    return lines


def _text(x: int, y: int, content: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(content)}</text>'

"""Bar charts of a report as SVG, with error bars from the lowest to the highest run; readable in light and dark."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.bench.run import fairness_chart
from tests.bench.run.figures import Figure, number
from tests.bench.run.ratios import OURS, by_metric
from tests.bench.run.report import Report
from tests.bench.run.svg import WIDTH, text

CHARTS: dict[str, tuple[str, ...]] = {
    "drain": ("drain, one process", "drain, two processes"),
    "latency": ("start latency, p50", "start latency, p99"),
    "enqueue": ("bulk enqueue, 1,000 a call", "single enqueue, 8 in flight"),
    "wal": ("WAL per task, enqueued and run", "WAL per task, run"),
    "burdens": (
        "drain under a held snapshot, first fifth",
        "drain under a held snapshot, last fifth",
        "drain of one queue, nothing in another",
        "drain of one queue, 1,000,000 tasks in another",
    ),
    "loads": (
        "drain, one process",
        "drain, plain functions in threads",
        "drain, plain functions in child processes",
        "drain of failures",
        "drain of failures and their retries",
        "drain, 10 kB of arguments",
        "drain of a hundred queues",
        "producer and worker together",
    ),
}
"""Each file with the metrics it shows. `loads` is of lapinq alone."""

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


def charts(report: Report) -> dict[str, str]:
    """The SVG of each chart that the report has figures for."""
    metrics = {metric.name: list(sides.values()) for metric, sides in by_metric(report.figures).items()}
    made: dict[str, str] = {}
    for name, shown in CHARTS.items():
        groups = [metrics[metric] for metric in shown if metric in metrics]
        if name == "loads":
            groups = [own for group in groups if (own := [one for one in group if one.contender == OURS])]
        if groups:
            made[name] = _loads(report, groups) if name == "loads" else _groups(report, groups)
    bottom, body = fairness_chart.panels(metrics, TOP)
    if body:
        shown = [sides for name, sides in metrics.items() if name.startswith(fairness_chart.WAITS)]
        measured = next((other for other in report.added if shown[0][0] in other.figures), report)
        made["fairness"] = _document(measured, shown, bottom, body)
    return made


def _groups(report: Report, groups: Sequence[Sequence[Figure]]) -> str:
    """A panel a metric, with a bar a contender, best first."""
    briefs = {one.name: one.brief for one in report.contenders}
    body: list[str] = []
    y = TOP
    for group in groups:
        metric = group[0].metric
        better = "more is better" if metric.better == "more" else "less is better"
        body.append(text(16, y + 16, f"{metric.name}, {metric.unit}; {better}", "text title"))
        y += HEAD
        rows = sorted(group, key=lambda one: one.median, reverse=metric.better == "more")
        body += _bars(y, [(one.contender, one, briefs.get(one.contender, "")) for one in rows])
        y += ROW * len(rows) + 14
    return _document(report, groups, y, body)


def _loads(report: Report, groups: Sequence[Sequence[Figure]]) -> str:
    """One panel, with a bar a metric."""
    rows = [(one.metric.name, one, "") for group in groups for one in group]
    body = [text(16, TOP + 16, "lapinq, tasks/s; more is better", "text title"), *_bars(TOP + HEAD, rows)]
    return _document(report, groups, TOP + HEAD + ROW * len(rows) + 14, body)


def _bars(top: int, rows: Sequence[tuple[str, Figure, str]]) -> list[str]:
    labels = 24 + LETTER * max(len(label) for label, _, _ in rows)
    scale = (WIDTH - labels - FIGURES) / max(one.highest for _, one, _ in rows)
    lines = [f'<line class="axis" x1="{labels}" y1="{top - 4}" x2="{labels}" y2="{top + ROW * len(rows)}"/>']
    for place, (label, one, brief) in enumerate(rows):
        y = top + place * ROW
        kind = "ours" if one.contender == OURS else "other"
        middle = y + 9
        low, high = labels + one.lowest * scale, labels + one.highest * scale
        lines += [
            text(labels - 8, y + 13, label, "text", anchor="end"),
            f'<rect class="{kind}" x="{labels}" y="{y}" width="{one.median * scale:.1f}" height="18" rx="2"/>',
            f'<path class="error" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {y + 5}v8M{high:.1f} {y + 5}v8"/>',
            f'<text x="{high + 8:.0f}" y="{y + 13}"><tspan class="text">{number(one.median)}</tspan>'
            f'<tspan class="faint small" dx="8">{escape(brief)}</tspan></text>',
        ]
    return lines


def _document(report: Report, groups: Sequence[Sequence[Figure]], height: int, body: Sequence[str]) -> str:
    shown = {one.contender for group in groups for one in group}
    processor = f"{report.machine['processor']}, {report.machine['cores']} cores"
    server = f"PostgreSQL {report.postgresql['server_version']}, fsync {report.postgresql['fsync']}"
    server += f", synchronous_commit {report.postgresql['synchronous_commit']}"
    if report.redis:
        server += f"; Redis {report.redis['version']}, appendfsync {report.plan.redis_fsync}"
    runs = f"{report.at:%Y-%m-%d}, runs: {report.plan.runs} at most, their median, lowest and highest"
    versions = [
        f"{one.name} ({next(iter(_own(one.versions)), '')})" for one in report.contenders if one.name in shown
    ]
    wrapped = _wrapped(", ".join(versions), 118)
    height += 16 * len(wrapped) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
        text(16, 22, f"{processor}; {runs}", "faint small"),
        text(16, 38, server, "faint small"),
        *body,
        *(
            text(16, height - 16 * (len(wrapped) - place) + 4, line, "faint small")
            for place, line in enumerate(wrapped)
        ),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _own(versions: dict[str, str]) -> list[str]:
    """The version of the contender itself comes after that of its language."""
    return [version for name, version in versions.items() if name not in {"Python", "Node", "commit"}]


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split(", "):
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += f"{', ' if lines[-1] else ''}{word}"
    return lines

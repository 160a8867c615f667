"""The parts of docs/benchmarks.md that come from a run: its tables and its charts.

They stand between the marks `<!-- NAME -->` and `<!-- /NAME -->`; what is around them is written by hand.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.run import steady_table
from tests.bench.run.bars import Verdict, verdicts
from tests.bench.run.charts import charts
from tests.bench.run.figures import Figure, Metric, number
from tests.bench.run.processes import ROOT
from tests.bench.run.ratios import OURS, Ratio, by_metric
from tests.bench.run.report import Report, spread

PAGE = ROOT / "docs" / "benchmarks.md"
CHARTS = ROOT / "docs" / "images" / "benchmarks"


def write(report: Report) -> list[Path]:
    """The files that were written."""
    written = [PAGE]
    CHARTS.mkdir(parents=True, exist_ok=True)
    for name, svg in charts(report).items():
        (CHARTS / f"{name}.svg").write_text(svg)
        written.append(CHARTS / f"{name}.svg")
    PAGE.write_text(rendered(PAGE.read_text(), report))
    return written


def rendered(text: str, report: Report) -> str:
    """`text` with what stands between its marks made from `report`."""
    for name, make in _PARTS.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        made = "\n".join(make(report))
        text = between.sub(lambda found, made=made: f"{found[1]}\n{made}\n\n{found[2]}", text)
    return text


def _machine(report: Report) -> list[str]:
    machine, server = report.machine, report.postgresql
    facts = [
        f"Measured on {report.at:%Y-%m-%d}; {machine['cores']} cores of an {machine['processor']},",
        f"{machine['memory_gib']} GiB of memory; PostgreSQL {server['server_version']}, `fsync` {server['fsync']},",
        f"`synchronous_commit` {server['synchronous_commit']}, one small commit {report.commit_ms:.2f} ms;",
    ]
    if report.redis:
        facts.append(f"Redis {report.redis['version']}, `appendfsync {report.plan.redis_fsync}`;")
    runs = report.plan.runs
    facts.append("one run." if runs == 1 else f"median of {runs} runs (lowest–highest).")
    facts += [
        f"{_what(other)} from another run, of {other.at:%Y-%m-%d}, on {other.machine['cores']} cores of an"
        f" {other.machine['processor']}; runs: {other.plan.runs}."
        for other in report.added
    ]
    return [" ".join(facts)]


def _what(added: Report) -> str:
    if any(map(steady_table.is_steady, added.figures)):
        return f"Steady drains of {added.plan.held_seconds:g} s are"
    return f"What `--only {','.join(added.measured)}` measures is"


def _bars(report: Report) -> list[str]:
    rows = [
        (verdict.bar.text, f"{verdict.bar.direction} {verdict.bar.bound:g}", *_outcome(verdict))
        for verdict in verdicts(report.figures)
    ]
    return _table(("ratio", "to reach", "measured", ""), rows)


def _outcome(verdict: Verdict) -> tuple[str, str]:
    if verdict.ratio is None:
        return "", "not measured"
    return spread(verdict.ratio), "reached" if verdict.is_reached else "**missed**"


def _figures(report: Report) -> list[str]:
    ratios = {(one.metric.name, one.contender): one for one in report.ratios}
    briefs = {one.name: one.brief for one in report.contenders}
    rows: list[tuple[str, ...]] = []
    shown = [figure for figure in report.figures if not steady_table.is_steady(figure)]
    for metric, sides in by_metric(shown).items():
        for contender, figure in sides.items():
            ratio = ratios.get((metric.name, contender))
            name = metric.name if contender == next(iter(sides)) else ""
            value = f"{spread(figure)} {metric.unit}"
            rows.append((name, contender, value, spread(ratio) if ratio else "", briefs.get(contender, "")))
    return _table(
        ("figure", "contender", "median (lowest–highest)", "lapinq / it", "a crash, the history"), rows
    )


def _steady(report: Report) -> list[str]:
    rows = steady_table.rows(report.figures)
    return _table(steady_table.HEAD, rows) if rows else ["Not measured."]


def _contenders(report: Report) -> list[str]:
    rows = [
        (
            f"[{one.name}]({one.source})" if one.source else one.name,
            ", ".join(f"{name} {version}" for name, version in one.versions.items()),
            one.settings,
            one.durability,
            one.history,
        )
        for one in report.contenders
    ]
    return _table(("contender", "versions", "settings", "durability", "history"), rows)


def _charts(report: Report) -> list[str]:
    pictures = [f"![{_ALTERNATIVES[name]}](images/benchmarks/{name}.svg)" for name in charts(report)]
    return "\n\n".join(pictures).splitlines()


def _wins(report: Report) -> list[str]:
    figures = by_metric(report.figures)
    won: dict[Metric, list[Ratio]] = {}
    for one in report.ratios:
        if not one.is_won:
            won.setdefault(one.metric, []).append(one)
    lines = [
        f"- **{metric.name}**: {', '.join(_won(one, figures[metric]) for one in ratios)};"
        f" lapinq {number(figures[metric][OURS].median)} {metric.unit}"
        for metric, ratios in won.items()
    ]
    return lines or ["In this run, nowhere."]


def _won(ratio: Ratio, figures: Mapping[str, Figure]) -> str:
    return f"{ratio.contender} {number(figures[ratio.contender].median)} (ratio {spread(ratio)})"


def _failures(report: Report) -> list[str]:
    lines = [f"- {title}: {error.splitlines()[0]}" for title, error in report.failures.items()]
    return ["Not measured, because it failed:", "", *lines] if lines else ["Nothing failed in this run."]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


_ALTERNATIVES = {
    "drain": "Tasks a second of one and of two worker processes",
    "latency": "Start latency",
    "enqueue": "Tasks enqueued a second",
    "wal": "Bytes of write-ahead log a task",
    "burdens": "Drains under a held snapshot and beside a long queue",
    "loads": "Drains of other loads, of lapinq",
    "fairness": "Waits of a small tenant beside a flood, and shares of floods by weight",
}
"""What each chart shows, for those who can't see it."""

_PARTS: dict[str, Callable[[Report], list[str]]] = {
    "machine": _machine,
    "bars": _bars,
    "charts": _charts,
    "wins": _wins,
    "figures": _figures,
    "steady": _steady,
    "contenders": _contenders,
    "failures": _failures,
}

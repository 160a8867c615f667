"""What people read of a run: docs/benchmarks.md with its charts, and the same tables on the terminal.

On the page they stand between the marks `<!-- NAME -->` and `<!-- /NAME -->`; what is around them is written by hand.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.run import steady_table
from tests.bench.run.bars import BARS
from tests.bench.run.charts import CHARTS, charts
from tests.bench.run.figures import OURS, at_best, by_metric, is_won, number, spread
from tests.bench.run.processes import ROOT
from tests.bench.run.report import Report

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "images" / "benchmarks"


def write(report: Report) -> list[Path]:
    """The files that were written."""
    written = {PICTURES / f"{name}.svg": svg for name, svg in charts(report).items()}
    written[PAGE] = rendered(PAGE.read_text(), report)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path, text in written.items():
        path.write_text(text)
    return list(written)


def rendered(text: str, report: Report) -> str:
    """`text` with what stands between its marks made from `report`."""
    for name, make in _PARTS.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        made = "\n".join(make(report))
        text = between.sub(lambda found, made=made: f"{found[1]}\n{made}\n\n{found[2]}", text)
    return text


def as_text(report: Report) -> str:
    """The facts, the tables, and the failures."""
    facts = [
        f"{name}: {', '.join(f'{key} {value}' for key, value in given.items())}"
        for name, given in (("PostgreSQL", report.postgresql), ("Redis", report.redis))
    ]
    steady = ["", *_steady(report)] if steady_table.rows(report.figures) else []
    lines = [*_machine(report), *facts, "", *_contenders(report), "", *_figures(report), *steady]
    return "\n".join([*lines, "", *_failures(report)])


def _machine(report: Report) -> list[str]:
    machine, server, runs = report.machine, report.postgresql, report.plan.runs
    facts = [
        f"Measured on {report.at:%Y-%m-%d}; {machine['cores']} cores of an {machine['processor']},",
        f"{machine['memory_gib']} GiB of memory; PostgreSQL {server['server_version']}, `fsync` {server['fsync']},",
        f"`synchronous_commit` {server['synchronous_commit']}, one small commit {report.commit_ms:.2f} ms;",
    ]
    if report.redis:
        facts.append(f"Redis {report.redis['version']}, `appendfsync {report.plan.redis_fsync}`;")
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
    rows: list[tuple[str, ...]] = []
    for bar in BARS:
        bound = f"{'at most' if bar.is_at_most else 'at least'} {bar.bound:g}"
        if ratio := bar.measured(report.figures):
            outcome = (spread(ratio), "reached" if bar.is_reached(ratio) else "**missed**")
        else:
            outcome = ("", "not measured")
        rows.append((bar.text, bound, *outcome))
    return _table("ratio | to reach | measured | ", rows)


def _figures(report: Report) -> list[str]:
    ratios = {(one.metric.name, one.contender): spread(one) for one in report.ratios}
    briefs = {one.name: one.brief for one in report.contenders}
    shown = [figure for figure in report.figures if not steady_table.is_steady(figure)]
    rows = [
        (
            "" if place else metric.name,
            contender,
            f"{spread(figure)} {metric.unit}",
            ratios.get((metric.name, contender), ""),
            briefs.get(contender, ""),
        )
        for metric, sides in by_metric(shown).items()
        for place, (contender, figure) in enumerate(sides.items())
    ]
    return _table("figure | contender | median (lowest–highest) | lapinq / it | a crash, the history", rows)


def _steady(report: Report) -> list[str]:
    rows = steady_table.rows(report.figures)
    return _table(" | ".join(steady_table.HEAD), rows) if rows else ["Not measured."]


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
    return _table("contender | versions | settings | durability | history", rows)


def _charts(report: Report) -> list[str]:
    pictures = [f"![{CHARTS[name].text}](images/benchmarks/{name}.svg)" for name in charts(report)]
    return "\n\n".join(pictures).splitlines()


def _wins(report: Report) -> list[str]:
    lost = {(one.metric, one.contender): spread(one) for one in report.ratios if not is_won(one)}
    lines: list[str] = []
    for metric, sides in by_metric(at_best(report.figures).values()).items():
        won = [
            f"{contender} {number(figure.median)} (ratio {lost[metric, contender]})"
            for contender, figure in sides.items()
            if (metric, contender) in lost
        ]
        if won:
            ours = number(sides[OURS].median)
            lines.append(f"- **{metric.name}**: {', '.join(won)}; lapinq {ours} {metric.unit}")
    return lines or ["In this run, nowhere."]


def _failures(report: Report) -> list[str]:
    lines = [f"- {title}: {_short(error)}" for title, error in report.failures.items()]
    return ["Not measured, because it failed:", "", *lines] if lines else ["Nothing failed in this run."]


def _short(error: str) -> str:
    first, *rest = error.splitlines()
    return f"{first} … {rest[-1]}" if rest else first


def _table(head: str, rows: Sequence[Sequence[str]]) -> list[str]:
    rule = " | ".join(["---"] * len(head.split(" | ")))
    return [f"| {line} |" for line in (head, rule, *(" | ".join(cells) for cells in rows))]


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

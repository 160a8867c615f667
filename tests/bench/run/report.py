"""What a run says: a table for people, JSON for later comparison."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.bench.contenders.contender import About
from tests.bench.run import steady_table
from tests.bench.run.figures import Figure, number
from tests.bench.run.plan import Plan
from tests.bench.run.processes import ROOT
from tests.bench.run.ratios import Ratio, by_metric


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run. `measured` are its measurements by name, and `failures` those that went wrong, with the error.

    `added` are runs of other measurements whose figures this one takes along (`joined`).
    """

    at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    plan: Plan
    machine: dict[str, object]
    contenders: list[About]
    postgresql: dict[str, str]
    redis: dict[str, str]
    commit_ms: float
    figures: list[Figure]
    ratios: list[Ratio]
    failures: dict[str, str]
    measured: list[str] = []
    added: list["Report"] = []


def joined(report: Report, *others: Report) -> Report:
    """`report` with the figures and failures of runs of other measurements."""
    figures = list(report.figures)
    failures = dict(report.failures)
    for other in others:
        known = {figure.metric for figure in figures}
        figures += [figure for figure in other.figures if figure.metric not in known]
        failures |= other.failures
    return msgspec.structs.replace(report, figures=figures, failures=failures, added=list(others))


def save(report: Report, path: Path | None) -> Path:
    """Writes `report` as JSON to `path`, or to a new file in bench-results."""
    path = path or ROOT / "bench-results" / f"{report.at:%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    return path


def load(path: Path) -> Report:
    """What `save` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def as_text(report: Report) -> str:
    """The facts, a line a metric and contender, and the failures."""
    facts = [
        ("machine", report.machine),
        *((one.name, one.versions) for one in report.contenders),
        ("PostgreSQL", report.postgresql),
        ("Redis", report.redis),
    ]
    lines = [
        f"{name}: {', '.join(f'{key} {value}' for key, value in given.items())}"
        for name, given in facts
        if given
    ]
    lines += [f"one small commit: {report.commit_ms:.2f} ms", "", *_table(report)]
    if steady := steady_table.rows(report.figures):
        lines += ["", f"{steady_table.TITLE}, medians", *_aligned([steady_table.HEAD, *steady])]
    lines += [f"FAILED {title}: {_short(error)}" for title, error in report.failures.items()]
    return "\n".join(lines)


def spread(figure: Figure | Ratio) -> str:
    """The median, with the lowest and the highest where they differ."""
    text = number(figure.median)
    if len(figure.values) == 1:
        return text
    return f"{text} ({number(figure.lowest)}–{number(figure.highest)})"


def _table(report: Report) -> list[str]:
    ratios = {(one.metric.name, one.contender): one for one in report.ratios}
    rows = [("median (lowest–highest)", "", "contender", "figure", "lapinq / it")]
    shown = [figure for figure in report.figures if not steady_table.is_steady(figure)]
    for metric, sides in by_metric(shown).items():
        for contender, figure in sides.items():
            ratio = ratios.get((metric.name, contender))
            name, unit = (metric.name, metric.unit) if contender == next(iter(sides)) else ("", "")
            rows.append((name, unit, contender, spread(figure), spread(ratio) if ratio else ""))
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _short(error: str) -> str:
    first, *rest = error.splitlines()
    return f"{first} … {rest[-1]}" if rest else first

"""What a run says: a table for people, JSON for later comparison."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.bench.run.figures import Figure, Metric
from tests.bench.run.plan import Plan
from tests.bench.run.processes import ROOT


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run. `ratios` are lapinq's medians divided by PgQueuer's, `failures` what could not be measured."""

    at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    plan: Plan
    machine: dict[str, object]
    versions: dict[str, str]
    pgqueuer_versions: dict[str, str] | None
    postgresql: dict[str, str]
    commit_ms: float
    figures: list[Figure]
    ratios: dict[str, float]
    failures: dict[str, str]


def ratios(figures: Sequence[Figure]) -> dict[str, float]:
    """lapinq's median divided by PgQueuer's, for each metric that both have."""
    return {
        metric.name: round(sides["lapinq"].median / sides["pgqueuer"].median, 3)
        for metric, sides in _by_metric(figures).items()
        if len(sides) == 2
    }


def save(report: Report, path: Path | None) -> Path:
    """Writes `report` as JSON to `path`, or to a new file in bench-results."""
    path = path or ROOT / "bench-results" / f"{report.at:%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return path


def as_text(report: Report) -> str:
    """The facts, then a line a metric."""
    facts = [
        ("machine", report.machine),
        ("versions", report.versions),
        ("PgQueuer", report.pgqueuer_versions or {}),
        ("PostgreSQL", report.postgresql),
    ]
    lines = [
        f"{name}: {', '.join(f'{key} {value}' for key, value in given.items())}"
        for name, given in facts
        if given
    ]
    lines += [f"one small commit: {report.commit_ms:.2f} ms", "", *_table(report)]
    lines += [f"FAILED {title}: {_short(error)}" for title, error in report.failures.items()]
    return "\n".join(lines)


def _table(report: Report) -> list[str]:
    rows = [("median (lowest to highest)", "", "lapinq", "PgQueuer", "ratio", "better")]
    for metric, sides in _by_metric(report.figures).items():
        ratio = report.ratios.get(metric.name)
        ours, other = _cell(sides.get("lapinq")), _cell(sides.get("pgqueuer"))
        rows.append((metric.name, metric.unit, ours, other, f"{ratio:.2f}" if ratio else "", metric.better))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _short(error: str) -> str:
    first, *rest = error.splitlines()
    return f"{first} … {rest[-1]}" if rest else first


def _by_metric(figures: Sequence[Figure]) -> dict[Metric, dict[str, Figure]]:
    found: dict[Metric, dict[str, Figure]] = {}
    for figure in figures:
        found.setdefault(figure.metric, {})[figure.contender] = figure
    return found


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{_number(figure.median)} ({_number(figure.lowest)} to {_number(figure.highest)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"

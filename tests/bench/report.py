"""What a run says: a table for people, JSON for later comparison."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.bench.figures import Figure, Metric
from tests.bench.plan import Plan
from tests.bench.processes import ROOT


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run. `ratios` are lapinq's medians divided by the other's."""

    at: datetime
    plan: Plan
    machine: dict[str, object]
    versions: dict[str, str]
    other_versions: dict[str, str]
    postgresql: dict[str, str]
    commit_ms: float
    figures: list[Figure]
    ratios: dict[str, float]
    failures: dict[str, str]


def ratios(figures: Sequence[Figure]) -> dict[str, float]:
    """lapinq's median divided by the other contender's, for each metric that both have."""
    medians = {(figure.metric.name, figure.contender): figure.median for figure in figures}
    return {
        name: round(medians["lapinq", name_of_other[0]] / other, 3)
        for (name, contender), other in medians.items()
        if (name_of_other := (name, contender)) and contender != "lapinq" and other
    }


def save(report: Report, path: Path | None) -> Path:
    """Writes `report` as JSON to `path`, or to a new file in bench-results."""
    path = path or ROOT / "bench-results" / f"{report.at:%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return path

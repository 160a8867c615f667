"""All that a run says, as JSON for later comparison."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.bench.contenders.contender import About
from tests.bench.run.figures import Figure
from tests.bench.run.plan import Plan
from tests.bench.run.processes import ROOT


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
    ratios: list[Figure]
    failures: dict[str, str]
    measured: list[str] = []
    added: list["Report"] = []


def joined(report: Report, *others: Report) -> Report:
    """`report` with the figures and failures of runs of other measurements."""
    figures, failures = list(report.figures), dict(report.failures)
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
    return msgspec.json.decode(path.read_bytes(), type=Report)

"""Reports of runs that never took place."""

from datetime import UTC, datetime

from tests.bench.contenders.contender import About
from tests.bench.run.figures import Metric, Reading, ratios, summed_up
from tests.bench.run.plan import Plan
from tests.bench.run.report import Report

DRAIN = Metric("drain, one process", "tasks/s", "more")
LATENCY = Metric("start latency, p50", "ms", "less")


def readings(metric: Metric, contender: str, *values: float) -> list[Reading]:
    """One a run."""
    return [Reading(metric, contender, value) for value in values]


def report(*given: list[Reading]) -> Report:
    """Of `given`, of lapinq and one other."""
    figures = summed_up([one for some in given for one in some])
    names = dict.fromkeys(["lapinq", *(figure.contender for figure in figures)])
    return Report(
        at=datetime(2026, 11, 27, tzinfo=UTC),
        plan=Plan(runs=3),
        machine={"processor": "A processor", "cores": 2, "memory_gib": 23.5},
        contenders=[
            About(
                name=name,
                versions={"Python": "3.13.5", name: "1.0"},
                settings="defaults",
                durability="each commit is on disk",
                history="none",
                brief="durable, nothing kept",
            )
            for name in names
        ],
        postgresql={"server_version": "18.6", "fsync": "on", "synchronous_commit": "on"},
        redis={},
        commit_ms=0.2,
        figures=figures,
        ratios=ratios(figures),
        failures={},
    )

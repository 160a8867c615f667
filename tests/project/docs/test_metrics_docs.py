"""The page on metrics lists exactly the metrics there are, with their kinds and labels."""

import re
from pathlib import Path

from lapinq_core.monitoring import catalogue
from tests.project.docs.test_docs import rows

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operate" / "metrics.md").read_text()
MADE_HERE = "MetricFamily("


def test_the_page_lists_every_metric_with_its_kind_and_labels_and_names_no_other() -> None:
    documented = [
        (cells[0].strip("`"), cells[1], tuple(re.findall(r"`(\w+)`", cells[2])))
        for cells in rows(PAGE)
        if cells[0].startswith("`lapinq_") and cells[3]
    ]
    assert sorted(documented) == sorted((each.name, each.kind, each.labels) for each in catalogue.EVERY)
    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\blapinq_[a-z_]+\b", PAGE)}
    assert named - {each.name for each in catalogue.EVERY} == set()


def test_metrics_are_made_in_the_catalogue_alone() -> None:
    makers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("lapinq", "lapinq_core", "services")
        for path in (ROOT / folder).rglob("*.py")
        if MADE_HERE in path.read_text()
    }
    assert makers == {"lapinq_core/monitoring/catalogue.py"}
    used = "".join(
        path.read_text() for folder in ("lapinq_core", "services") for path in (ROOT / folder).rglob("*.py")
    )
    names = {name for name, each in vars(catalogue).items() if isinstance(each, catalogue.Measure)}
    assert {name for name in names if f"catalogue.{name}." not in used} == set()

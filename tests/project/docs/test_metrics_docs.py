"""The page on metrics lists exactly the metrics there are, with their kinds and labels."""

import re
from pathlib import Path

from lapinq_core.monitoring import catalogue
from tests.project.docs.test_docs import rows

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operate" / "metrics.md").read_text()
MADE_HERE = "MetricFamily("


def documented() -> dict[str, tuple[str, tuple[str, ...]]]:
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for cells in rows(PAGE):
        if cells[0].startswith("`lapinq_"):
            name, labels = cells[0].strip("`"), tuple(re.findall(r"`(\w+)`", cells[2]))
            assert name not in found, name
            assert cells[3], name
            found[name] = (cells[1], labels)
    return found


def test_the_page_lists_every_metric_with_its_kind_and_labels() -> None:
    assert documented() == {each.name: (each.kind, each.labels) for each in catalogue.EVERY}


def test_the_page_names_no_metric_that_there_is_not() -> None:
    suffixes = re.compile(r"_(bucket|count|sum)$")
    known = {each.name for each in catalogue.EVERY}
    named = {suffixes.sub("", name) for name in re.findall(r"\blapinq_[a-z_]+\b", PAGE)}
    assert named - known == set()


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

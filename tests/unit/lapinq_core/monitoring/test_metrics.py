"""What a scrape gets: one page out of many parts, in the format it asks for, whatever names are in it."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# The parser of OpenMetrics has no types.

from collections.abc import Iterator

import prometheus_client.openmetrics.parser as openmetrics
import pytest
from prometheus_client.core import Metric

from lapinq_core.domain.version import __version__
from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.loop_times import LoopTimes
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.monitoring.tallies import Histogram
from tests.support.deployment.scraping import Scraped


class Part:
    """A source with the given families."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def scrape(metrics: Metrics) -> Scraped:
    return Scraped(metrics.text()[0].decode())


def test_it_shows_the_process_and_the_version() -> None:
    seen = scrape(Metrics())
    assert seen.value("lapinq_build_info", version=__version__) == 1
    assert (seen.value("process_resident_memory_bytes") or 0) > 1_000_000


def test_what_parts_have_in_common_is_one_metric() -> None:
    metrics, worker, scheduler = Metrics(), LoopTimes("worker"), LoopTimes("scheduler")
    for part, pause in ((worker, None), (scheduler, 60.0)):
        metrics.show(part)
        part.of("promote")(0.002, pause)
    seen = scrape(metrics)
    assert metrics.text()[0].count(b"# TYPE lapinq_chore_seconds ") == 1
    assert seen.value("lapinq_chore_failures_total", part="worker", chore="promote") == 1
    assert seen.value("lapinq_chore_failures_total", part="scheduler", chore="promote") == 0
    assert seen.value("lapinq_chore_seconds_bucket", part="worker", chore="promote", le="0.001") == 0
    assert seen.value("lapinq_chore_seconds_bucket", part="worker", chore="promote", le="0.005") == 1
    assert scrape(metrics).value("lapinq_chore_seconds_count", part="worker", chore="promote") == 1


def test_a_part_is_shown_for_as_long_as_its_context_lasts_and_only_there() -> None:
    metrics, other = Metrics(), Metrics()
    with metrics.showing(Part(catalogue.RESCUED.is_at(3))):
        assert scrape(metrics).value("lapinq_tasks_rescued_total") == 3
        assert scrape(other).value("lapinq_tasks_rescued_total") is None
    assert scrape(metrics).value("lapinq_tasks_rescued_total") is None


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "ä €", "{le=}", "a,b", "\\n", ""])
def test_any_name_is_read_back_as_it_was(name: str) -> None:
    metrics = Metrics()
    metrics.show(Part(catalogue.ENQUEUED.of({(name, "single"): 2})))
    assert scrape(metrics).value("lapinq_tasks_enqueued_total", queue=name, way="single") == 2


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text",
        "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5",
    ],
)
def test_openmetrics_is_given_to_whoever_asks_for_it(accept: str) -> None:
    metrics, histogram = Metrics(), Histogram((0.1, 1.0))
    histogram.observe(0.5)
    metrics.show(Part(catalogue.RUNS.of_histograms({("a",): histogram}), catalogue.RESCUED.is_at(1)))
    body, content_type = metrics.text(accept)
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    read = openmetrics.text_string_to_metric_families
    names = {family.name for family in read(body.decode())}
    assert {"lapinq_task_run_seconds", "lapinq_tasks_rescued", "lapinq_build_info"} <= names


NEITHER = [
    "", "*/*", "text/plain;version=1.0.0;escaping=allow-utf-8", "application/openmetrics-text; version=x.y",
    "application/openmetrics-text; version=" + "9" * 5000, "application/openmetrics-text;;=;version", ",;=,\x00é",
]  # fmt: skip


@pytest.mark.parametrize("accept", NEITHER)
def test_anything_else_is_answered_in_a_format_that_can_be_read(accept: str) -> None:
    body, content_type = Metrics().text(accept)
    assert content_type in {
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }
    assert b"lapinq_build_info" in body


def test_names_follow_the_conventions() -> None:
    for each in catalogue.EVERY:
        assert each.name.startswith("lapinq_")
        assert (each.kind == "counter") == each.name.endswith("_total"), each.name
        assert each.kind != "histogram" or each.name.endswith("_seconds"), each.name
        assert each.help
        assert each.help[0].isupper()
        assert not each.help.endswith(".")
    assert len({each.name for each in catalogue.EVERY}) == len(catalogue.EVERY)

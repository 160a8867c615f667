from tests.bench.run.charts import charts
from tests.bench.run.page import CHARTS, rendered
from tests.bench.run.page import PAGE as PAGE_FILE
from tests.bench.run.report import load
from tests.unit.bench.reports import DRAIN, LATENCY, readings, report

PAGE = """By hand.

<!-- wins -->
of another run
<!-- /wins -->

<!-- figures -->
<!-- /figures -->
"""


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    made = rendered(PAGE, report(readings(DRAIN, "lapinq", 100), readings(DRAIN, "other", 200)))
    assert made.startswith(
        "By hand.\n\n<!-- wins -->\n\n- **drain, one process**: other 200 (ratio 0.5); lapinq 100"
    )
    assert "of another run" not in made
    assert "|  | other | 200 tasks/s | 0.5 | durable, nothing kept |" in made


def test_a_page_made_twice_is_the_same() -> None:
    one = report(readings(LATENCY, "lapinq", 1.5), readings(LATENCY, "other", 2))
    assert rendered(rendered(PAGE, one), one) == rendered(PAGE, one)
    assert "In this run, nowhere." in rendered(PAGE, one)


def test_the_page_and_its_charts_are_those_of_the_run_beside_them() -> None:
    run = load(PAGE_FILE.with_name("benchmarks.json"))
    assert rendered(PAGE_FILE.read_text(), run) == PAGE_FILE.read_text()
    for name, svg in charts(run).items():
        assert (CHARTS / f"{name}.svg").read_text() == svg

from pathlib import Path

import msgspec

from tests.bench.run.charts import CHARTS, LOADS, SHARES, WAITS, charts
from tests.bench.run.figures import Metric
from tests.bench.run.page import PAGE as PAGE_FILE
from tests.bench.run.page import PICTURES, as_text, rendered
from tests.bench.run.report import joined, load, save
from tests.unit.bench.reports import DRAIN, LATENCY, readings, report

PAGE = "By hand.\n\n<!-- wins -->\nof another run\n<!-- /wins -->\n\n<!-- figures -->\n<!-- /figures -->\n"


def test_only_what_stands_between_the_marks_is_replaced_by_the_same_each_time() -> None:
    run = report(readings(DRAIN, "lapinq", 100), readings(DRAIN, "other", 200))
    made = rendered(PAGE, run)
    win = "- **drain, one process**: other 200 (ratio 0.5); lapinq 100"
    assert made.startswith(f"By hand.\n\n<!-- wins -->\n\n{win}")
    assert "of another run" not in made
    assert "|  | other | 200 tasks/s | 0.5 | durable, nothing kept |" in made
    assert rendered(made, run) == made
    won = report(readings(LATENCY, "lapinq", 1.5), readings(LATENCY, "other", 2))
    assert "In this run, nowhere." in rendered(PAGE, won)


def test_every_chart_is_on_the_page_with_a_text_for_those_who_cannot_see_it() -> None:
    names = [name for chart in CHARTS.values() for name in chart.metrics] + [*LOADS, WAITS, SHARES]
    one = report(*(readings(Metric(name, "tasks/s", "more"), "lapinq", 1) for name in names))
    made = rendered("<!-- charts -->\n<!-- /charts -->\n", one)
    assert all(f"![{chart.text}](images/benchmarks/{name}.svg)" in made for name, chart in CHARTS.items())


def test_the_page_and_its_charts_are_those_of_the_runs_beside_them() -> None:
    files = sorted(PAGE_FILE.parent.glob("benchmarks*.json"), key=lambda path: (len(path.name), path.name))
    run = joined(*map(load, files))
    assert rendered(PAGE_FILE.read_text(), run) == PAGE_FILE.read_text()
    for name, svg in charts(run).items():
        assert (PICTURES / f"{name}.svg").read_text() == svg


def test_it_says_what_is_from_another_run() -> None:
    other = msgspec.structs.replace(report(readings(LATENCY, "lapinq", 1)), measured=["limits", "fairness"])
    both = joined(report(readings(DRAIN, "lapinq", 1)), other)
    said = "What `--only limits,fairness` measures is from another run, of 2026-11-27, on 2 cores of an A"
    assert said in rendered("<!-- machine -->\n<!-- /machine -->\n", both)


def test_the_terminal_gets_the_same_table_and_the_ends_of_errors() -> None:
    run = report(readings(DRAIN, "lapinq", 200, 300), readings(DRAIN, "other", 100, 100))
    errors = {"drain, other": "ended with 1\nin the middle\nValueError"}
    text = as_text(msgspec.structs.replace(run, failures=errors))
    assert "| drain, one process | lapinq | 250 (200–300) tasks/s |  | durable, nothing kept |" in text
    assert "|  | other | 100 (100–100) tasks/s | 2.5 (2–3) | durable, nothing kept |" in text
    assert text.endswith("- drain, other: ended with 1 … ValueError")


def test_a_report_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    saved = report(readings(DRAIN, "lapinq", 200, 300))
    assert load(save(saved, tmp_path / "run.json")) == saved

from pathlib import Path

from msgspec.structs import replace

from tests.bench.run.report import as_text, load, save
from tests.unit.bench.reports import DRAIN, readings, report


def test_the_table_has_a_line_a_contender_with_the_spread_and_the_ratio() -> None:
    text = as_text(report(readings(DRAIN, "lapinq", 200, 300), readings(DRAIN, "other", 100, 100)))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[-2:] == [
        "drain, one process tasks/s lapinq 250 (200–300)",
        "other 100 (100–100) 2.5 (2–3)",
    ]


def test_what_failed_is_listed_with_the_ends_of_its_error() -> None:
    failed = replace(report(), failures={"drain, other": "ended with 1\nin the middle\nValueError"})
    assert as_text(failed).endswith("FAILED drain, other: ended with 1 … ValueError")


def test_a_report_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    saved = report(readings(DRAIN, "lapinq", 200, 300))
    assert load(save(saved, tmp_path / "run.json")) == saved

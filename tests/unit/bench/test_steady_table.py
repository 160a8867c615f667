from msgspec.structs import replace

from tests.bench.run.bars import BARS
from tests.bench.run.figures import Metric, Reading
from tests.bench.run.page import as_text, rendered
from tests.bench.run.report import joined
from tests.bench.run.steady_table import BY_FIFTHS, DATABASE_TIME, SLOWEST, WORKER_TIME
from tests.bench.run.steady_table import UNDISTURBED as UNDISTURBED_RATE
from tests.unit.bench.reports import DRAIN, readings, report


def steady(burden: str, *rates: float) -> list[Reading]:
    found: list[Reading] = []
    for fifth, rate in enumerate(rates, start=1):
        name = f"steady drain, {burden}, fifth {fifth}"
        found += readings(Metric(name, "tasks/s", "more"), "lapinq", rate)
        found += readings(Metric(f"{name}, {DATABASE_TIME}", "µs", "less"), "lapinq", 20.0)
        found += readings(Metric(f"{name}, {WORKER_TIME}", "µs", "less"), "lapinq", 6.04)
    return found


SLOW = Metric(f"steady drain, a held snapshot, {SLOWEST}", "tasks/s", "more")
UNDISTURBED = Metric(f"steady drain, a held snapshot, {UNDISTURBED_RATE}", "tasks/s", "more")
RUN = report(
    steady("nothing else", 50_000, 60_000),
    steady("a held snapshot", 50_000, 51_000),
    readings(SLOW, "lapinq", 51_000),
    readings(UNDISTURBED, "lapinq", 60_000),
    readings(Metric(f"steady drain, a held snapshot, {BY_FIFTHS}", "ratio", "more"), "lapinq", 0.851),
)


def test_a_steady_drain_is_one_line_and_not_among_the_other_figures() -> None:
    text = as_text(RUN)
    assert "| nothing else | 50.0, 60.0 | 20.0, 20.0 | 6.0, 6.0 |  |  |" in text
    assert "| a held snapshot | 50.0, 51.0 | 20.0, 20.0 | 6.0, 6.0 | 0.85 | 0.85 |" in text
    assert "| steady drain, a" not in text


def test_a_page_takes_figures_from_a_run_of_other_measurements() -> None:
    main = report(readings(DRAIN, "lapinq", 100))
    again = replace(RUN, figures=[*RUN.figures, *report(readings(DRAIN, "lapinq", 1)).figures])
    both = joined(main, again)
    page = rendered("<!-- steady -->\n<!-- /steady -->\n<!-- figures -->\n<!-- /figures -->\n", both)
    assert "| a held snapshot | 50.0, 51.0 |" in page
    assert "| drain, one process | lapinq | 100 tasks/s |" in page
    (bar,) = [one for one in BARS if one.ours == SLOW.name]
    ratio = bar.measured(both.figures)
    assert ratio
    assert (ratio.median, bar.is_reached(ratio)) == (0.85, False)

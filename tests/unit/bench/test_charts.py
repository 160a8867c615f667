import re
from xml.etree import ElementTree as ET

import pytest

from tests.bench.run.charts import charts
from tests.bench.run.figures import Metric
from tests.unit.bench.reports import DRAIN, LATENCY, readings, report

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_as_long_as_the_medians_with_error_bars_from_lowest_to_highest() -> None:
    drawn = charts(report(readings(DRAIN, "lapinq", 300, 400, 200), readings(DRAIN, "other", 150)))["drain"]
    root = ET.fromstring(drawn)
    ours, other = (bar for bar in root.iter(f"{SVG}rect") if bar.get("class") != "ground")
    assert (ours.get("class"), other.get("class")) == ("ours", "other")
    assert float(ours.attrib["width"]) == pytest.approx(2 * float(other.attrib["width"]), abs=0.2)
    begin, end = re.match(r"M([\d.]+) \d+H([\d.]+)", next(root.iter(f"{SVG}path")).attrib["d"]).groups()  # type: ignore[union-attr]
    assert float(end) - float(begin) == pytest.approx(float(ours.attrib["width"]) * 2 / 3, abs=0.2)


def test_the_best_comes_first_also_where_less_is_better() -> None:
    drawn = charts(report(readings(LATENCY, "lapinq", 3), readings(LATENCY, "other", 1)))["latency"]
    labels = [text.text for text in ET.fromstring(drawn).iter(f"{SVG}text")]
    assert labels.index("other") < labels.index("lapinq")


def test_a_chart_names_machine_settings_and_versions_and_has_colours_for_the_dark() -> None:
    drawn = charts(report(readings(DRAIN, "lapinq", 3), readings(DRAIN, "other <1>", 1)))["drain"]
    text = " ".join(one.text or "" for one in ET.fromstring(drawn).iter(f"{SVG}text"))
    for part in ("A processor, 2 cores", "2026-11-27", "PostgreSQL 18.6, fsync on", "other <1> (1.0)"):
        assert part in text
    assert "prefers-color-scheme: dark" in drawn


def test_without_figures_there_is_no_chart() -> None:
    assert charts(report()) == {}


def test_the_fairness_chart_has_waits_on_a_logarithmic_scale_and_shares_on_a_linear_one() -> None:
    waits = [
        readings(Metric(f"wait beside a flood, {order}", "ms", "less"), "lapinq", value)
        for order, value in (("priority order", 1000), ("fair order", 10))
    ]
    shares = [
        readings(
            Metric(f"share of the starts of three floods, weight {weight}", "%", "more"), "lapinq", share
        )
        for weight, share in ((3, 75), (1, 25))
    ]
    root = ET.fromstring(charts(report(*waits, *shares))["fairness"])
    slow, fast, large, small = (
        float(bar.attrib["width"]) for bar in root.iter(f"{SVG}rect") if bar.get("class") != "ground"
    )
    assert (slow, large) == (pytest.approx(3 * fast, abs=0.2), pytest.approx(3 * small, abs=0.2))
    labels = [text.text for text in root.iter(f"{SVG}text")]
    assert {"priority order", "fair order", "weight 3", "weight 1"} <= set(labels)

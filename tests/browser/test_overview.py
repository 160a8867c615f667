"""The overview in a browser: charts keep their place and their zoom, show what they are given, and follow the theme."""

import itertools
import re
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Enqueue

pytestmark = pytest.mark.http


@pytest.fixture
def charts(page: Page, enqueue: Enqueue, server_database: str) -> Locator:
    """The charts of an hour in which something happened, above two queues."""
    enqueue()
    enqueue(queue_name="few", scheduled_at="2100-01-01T00:00:00Z")
    happen(server_database, "20 min", 40)
    page.goto("/")
    expect(page.locator(".chart .uplot")).to_have_count(2)
    return page.locator(".chart")


def happen(database: str, ago: str, completed: int) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO lapinq_rollups (span, since, queue_name, completed, runs, waits)"
            " SELECT 60, date_bin('1 min', now() - %(ago)s::interval, to_timestamp(0)), '', %(completed)s,"
            " ARRAY[0, %(completed)s], ARRAY[0, 0, 0, %(completed)s]",
            {"ago": ago, "completed": completed},
        )


BOXES = """() => [...document.querySelectorAll(".chart, .plot, .legend, .legend li")].map(element => {
  const { x, y, width, height } = element.getBoundingClientRect();
  return [x, y - element.closest(".charts").getBoundingClientRect().y, width, height].map(Math.round);
})"""


def test_charts_keep_their_place_their_zoom_and_what_was_chosen(
    page: Page, charts: Locator, server_database: str
) -> None:
    place = "[...document.querySelectorAll('.plot')].map(plot => [plot.offsetHeight, plot.scrollHeight])"
    assert page.evaluate(place) == [[190, 190]] * 2  # as the style sheet says
    before = page.evaluate(BOXES)
    over, reset = charts.first.locator(".u-over"), charts.first.get_by_role("button", name="Reset zoom")
    over.hover()
    expect(charts.first.locator("[data-value]").first).to_have_text(re.compile(r"\d"))
    assert page.evaluate(BOXES) == before

    expect(reset).to_be_hidden()
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box

    def time_at(share: float) -> str:
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + 40)
        return charts.first.locator("[data-when]").inner_text()

    time_at(0.25)
    page.mouse.down()
    time_at(0.75)
    page.mouse.up()
    expect(reset).to_be_visible()
    left, right = time_at(0.02), time_at(0.98)
    run = page.get_by_role("button", name="Run", exact=True)
    run.click()
    expect(run).to_have_attribute("aria-pressed", "true")
    shown = charts.first.get_attribute("data-chart")
    happen(server_database, "30 min", 60)
    expect(charts.first).not_to_have_attribute("data-chart", shown or "")
    expect(run).to_have_attribute("aria-pressed", "true")
    assert (time_at(0.02), time_at(0.98)) == (left, right)
    reset.click()
    expect(reset).to_be_hidden()
    assert time_at(0.02) != left

    pixels = "document.querySelector('.chart canvas').toDataURL()"
    light = page.evaluate(pixels)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => {pixels} !== before", arg=light)
    expect(charts.locator(".uplot")).to_have_count(2)

    # A phone sorts its cards by a menu.
    menu = page.locator(".sorts")
    expect(menu).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(menu.locator("summary")).to_have_text("Sort by: Queue ↑")
    menu.locator("summary").click()
    menu.get_by_role("link", name="Done/min").click()
    expect(menu.locator("summary")).to_have_text("Sort by: Done/min ↓")


DRAWN = """async wanted => {
  const { drawCharts } = await import(document.querySelector("script[type=module]").src.replace("app.js", "charts.js"));
  const texts = [], bars = [];
  const { fillText } = CanvasRenderingContext2D.prototype, { rect } = Path2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const { width } = this.measureText(text);
    const left = x - width * ({ center: 0.5, right: 1, end: 1 }[this.textAlign] ?? 0);
    const isWhole = left >= 0 && left + width <= this.canvas.width && y >= 0 && y <= this.canvas.height;
    texts.push({ text, y, isWhole });
    fillText.apply(this, arguments);
  };
  Path2D.prototype.rect = function (x, y, width, height) {
    if (height > 0 && width < 50 * devicePixelRatio) bars.push(height); // wider ones clip
    rect.apply(this, arguments);
  };
  const chart = document.querySelector(".chart").cloneNode(true), place = document.createElement("div");
  chart.querySelector(".plot").replaceChildren();
  chart.dataset.chart = JSON.stringify(wanted);
  place.append(chart);
  document.querySelector(".chart").parentElement.append(place);
  drawCharts(place);
  await new Promise(queueMicrotask); // uPlot draws in one
  Object.assign(CanvasRenderingContext2D.prototype, { fillText });
  Object.assign(Path2D.prototype, { rect });
  const { height } = place.querySelector(".u-over").getBoundingClientRect();
  place.remove();
  return { texts, bars: bars.map(one => one / height / devicePixelRatio) };
}"""
HOUR = 1_700_000_000 // 3600 * 3600


def stacked(step: int, *lines: list[int], unit: str = "rate") -> dict[str, Any]:
    """A chart of the lines, which begins at a full hour."""
    colours = ("completed-bar", "pending-bar", "failed-bar")
    return {
        "unit": unit,
        "times": [HOUR + step * n for n in range(len(lines[0]))],
        "width": step,
        "stacked": True,
        "lines": [[colour, colour, values] for colour, values in zip(colours, lines, strict=False)],
        "sets": None,
    }


@pytest.mark.slow
def test_bars_add_up_and_labels_are_whole(page: Page, charts: Locator) -> None:
    found = page.evaluate(DRAWN, stacked(60, [30] * 60, [20] * 60, [10] * 60))
    heights = sorted({round(bar, 2) for bar in found["bars"]})
    assert heights == pytest.approx([height / 1.05 for height in (3 / 6, 5 / 6, 1)], abs=0.02)
    # One peak leaves the others their height.
    peak = page.evaluate(DRAWN, stacked(60, [*[30] * 30, 30_000, *[30] * 30]))
    assert 0.6 < min(peak["bars"]) < 0.7
    assert [one["text"] for one in peak["texts"] if one["text"].startswith("▲ peak 30")]
    assert all(one["isWhole"] for one in peak["texts"])

    times_of_day, days = r"\d\d:\d\d", r"\d+/\d+|\w+ \d+|\d+ \w+"
    spans = {"hour": (60, 60, times_of_day), "day": (900, 96, times_of_day), "week": (7200, 84, days)}
    for (span, (step, number, label)), (unit, value) in itertools.product(
        spans.items(), {"rate": 123_456_789, "seconds": 100_000}.items()
    ):
        texts = page.evaluate(DRAWN, stacked(step, [value] * number, unit=unit))["texts"]
        assert all(one["isWhole"] for one in texts), (span, unit, texts)
        lowest = max(one["y"] for one in texts)
        of_time = [one["text"] for one in texts if one["y"] == lowest]
        assert len(of_time) >= 3, (span, unit)
        assert len(set(of_time)) == len(of_time), (span, unit, of_time)
        assert [one for one in of_time if not re.fullmatch(label, one)] == [], (span, unit)

"""The overview in a browser: charts keep their place and their zoom, show what they are given, and follow the theme."""

import re
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Enqueue

pytestmark = pytest.mark.http


@pytest.fixture
def charts(page: Page, enqueue: Enqueue, server_database: str) -> Locator:
    """The charts of an hour in which something happened."""
    enqueue()
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


def test_neither_script_nor_pointer_moves_anything(page: Page, charts: Locator) -> None:
    place = "[...document.querySelectorAll('.plot')].map(plot => [plot.offsetHeight, plot.scrollHeight])"
    assert page.evaluate(place) == [[190, 190]] * 2  # as the style sheet says
    before = page.evaluate(BOXES)
    charts.first.locator(".u-over").hover()
    expect(charts.first.locator("[data-value]").first).to_have_text("0")
    assert page.evaluate(BOXES) == before


def test_a_zoom_lasts_until_it_is_reset(page: Page, charts: Locator, server_database: str) -> None:
    over, reset = charts.first.locator(".u-over"), charts.first.get_by_role("button", name="Reset zoom")
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
    shown = charts.first.get_attribute("data-chart")
    happen(server_database, "30 min", 60)
    expect(charts.first).not_to_have_attribute("data-chart", shown or "")
    assert (time_at(0.02), time_at(0.98)) == (left, right)
    reset.click()
    expect(reset).to_be_hidden()
    assert time_at(0.02) != left


def test_waiting_and_running_times_share_a_chart(page: Page, charts: Locator, server_database: str) -> None:
    times, run = charts.nth(1), page.get_by_role("button", name="Run", exact=True)
    run.click()
    expect(run).to_have_attribute("aria-pressed", "true")
    happen(server_database, "40 min", 70)
    times.locator(".u-over").hover()
    expect(run).to_have_attribute("aria-pressed", "true")


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


def test_stacked_bars_add_up_and_one_peak_leaves_them_their_height(page: Page, charts: Locator) -> None:
    found = page.evaluate(DRAWN, stacked(60, [30] * 60, [20] * 60, [10] * 60))
    heights = sorted({round(bar, 2) for bar in found["bars"]})
    assert heights == pytest.approx([height / 1.05 for height in (3 / 6, 5 / 6, 1)], abs=0.02)
    peak = page.evaluate(DRAWN, stacked(60, [*[30] * 30, 30_000, *[30] * 30]))
    assert 0.6 < min(peak["bars"]) < 0.7
    assert [one["text"] for one in peak["texts"] if one["text"].startswith("▲ peak 30")]
    assert all(one["isWhole"] for one in peak["texts"])


@pytest.mark.parametrize(
    ("step", "number", "label"),
    [(60, 60, r"\d\d:\d\d"), (900, 96, r"\d\d:\d\d"), (7200, 84, r"\d+/\d+|\w+ \d+|\d+ \w+")],
    ids=["hour", "day", "week"],
)
@pytest.mark.parametrize(("unit", "value"), [("rate", 123_456_789), ("seconds", 100_000)])
def test_labels_are_whole_and_those_of_time_of_one_kind(
    page: Page, charts: Locator, step: int, number: int, label: str, unit: str, value: int
) -> None:
    texts = page.evaluate(DRAWN, stacked(step, [value] * number, unit=unit))["texts"]
    assert all(one["isWhole"] for one in texts), texts
    lowest = max(one["y"] for one in texts)
    of_time = [one["text"] for one in texts if one["y"] == lowest]
    assert len(of_time) >= 3
    assert len(set(of_time)) == len(of_time)
    assert [one for one in of_time if not re.fullmatch(label, one)] == []


def test_charts_are_drawn_again_in_another_theme(page: Page, charts: Locator) -> None:
    pixels = "document.querySelector('.chart canvas').toDataURL()"
    light = page.evaluate(pixels)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => {pixels} !== before", arg=light)
    expect(charts.locator(".uplot")).to_have_count(2)


def test_a_window_is_chosen_by_a_link(page: Page, enqueue: Enqueue) -> None:
    enqueue()
    page.goto("/?sort=-ready")
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    assert page.url.endswith("?sort=-ready&window=7d")


def test_a_phone_sorts_its_cards_by_a_menu(page: Page, enqueue: Enqueue) -> None:
    for queue in ("few", "many", "many"):
        enqueue(queue_name=queue, scheduled_at="2100-01-01T00:00:00Z")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    menu = page.locator(".sorts")
    expect(menu.locator("summary")).to_have_text("Sort by: Queue ↑")
    menu.locator("summary").click()
    menu.get_by_role("link", name="Done/min").click()
    expect(menu.locator("summary")).to_have_text("Sort by: Done/min ↓")

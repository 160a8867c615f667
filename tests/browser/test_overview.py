"""The overview in a browser: charts keep their place and their zoom, show what they are given, and follow the theme."""

import re

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
    expect(menu.locator("summary")).to_have_text("Sort by: Attention ↓")
    menu.locator("summary").click()
    menu.get_by_role("link", name="Done/min").click()
    expect(menu.locator("summary")).to_have_text("Sort by: Done/min ↓")

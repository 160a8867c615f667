"""The overview in a browser: charts keep their place and their zoom, show what they are given, and follow the theme."""

import re

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Enqueue, NewContext, logged_in
from tests.support.programs.processes import ApiProcess

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


FAMILIES = [f"{word} {region}" for word in ("billing", "mail", "video", "imports") for region in range(25)]
CUT = """() => [...document.querySelectorAll(".rail li > a > span:not(.count)")]
    .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"""


def test_a_hundred_queues_take_little_room_and_no_page_is_cut_from_the_rail(
    new_context: NewContext, server: ApiProcess, server_database: str
) -> None:
    """With what stands above them, they end on the second screen, on a phone on the sixth."""
    with psycopg.connect(server_database, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO lapinq_counts (queue_name, pending, completed)"
            " SELECT name, CASE WHEN place %% 4 > 0 THEN place ELSE 0 END, 1 FROM unnest(%s::text[]) WITH ORDINALITY"
            " AS q (name, place)",
            (FAMILIES,),
        )
        try:
            for locale, width, height, screens in (
                ("es", 1440, 900, 1.3),
                ("en", 1440, 900, 1.3),
                ("es", 390, 844, 4.5),
            ):
                looked = new_context(locale=locale, viewport={"width": width, "height": height})
                page = logged_in(looked, server, "lapinq", "lapinq").new_page()
                page.goto("/")
                assert page.evaluate(CUT) == []
                queues = page.locator("#overview-queues")
                assert queues.get_by_role("link", name="mail 3", exact=True).count() == 1
                assert page.locator(".idle tbody tr").count() > 0
                box = queues.bounding_box()
                assert box
                assert box["height"] <= screens * height
        finally:
            conn.execute("DELETE FROM lapinq_counts WHERE queue_name = ANY (%s)", (FAMILIES,))


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

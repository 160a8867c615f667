"""The overview in a browser: charts are drawn, and follow the theme and the window."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Enqueue

pytestmark = pytest.mark.http


def test_charts_are_drawn_and_say_what_is_under_the_pointer(page: Page, enqueue: Enqueue) -> None:
    enqueue()
    page.goto("/?window=15m")
    charts = page.locator(".chart .uplot")
    expect(charts).to_have_count(4)
    canvas = charts.first.locator("canvas")
    expect(canvas).to_be_visible()
    charts.first.locator(".u-over").hover()
    expect(charts.first.locator(".u-legend .u-value").first).not_to_have_text("–")


def test_charts_are_drawn_anew_in_another_theme(page: Page, enqueue: Enqueue) -> None:
    enqueue()
    page.goto("/")
    stroke = "[...document.querySelectorAll('.chart .u-marker')].at(-1)?.style.borderColor"
    expect(page.locator(".chart .uplot")).to_have_count(4)
    light = page.evaluate(stroke)
    assert light
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => ({stroke} ?? before) !== before", arg=light)
    expect(page.locator(".chart .uplot")).to_have_count(4)


def test_a_window_is_chosen_by_a_link(page: Page, enqueue: Enqueue) -> None:
    enqueue()
    page.goto("/")
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    assert page.url.endswith("?window=7d")

"""Pages look and speak as their reader wants: as the browser says, or as was chosen."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Enqueue, NewContext, UserPage, logged_in
from tests.support.programs.processes import ApiProcess

pytestmark = pytest.mark.http

SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]


def ground(page: Page) -> str:
    """Whether the page's ground is light or dark."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", colour)[:3])
    assert not 150 <= brightness <= 600
    return "light" if brightness > 600 else "dark"


def test_a_page_is_light_or_dark_and_speaks_as_the_system_says_or_as_was_chosen(user_page: UserPage) -> None:
    page = user_page()
    theme, language, html = page.get_by_label("Theme"), page.get_by_label("Language"), page.locator("html")
    page.goto("/account")
    expect(html).to_have_attribute("lang", "en")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert ground(page) == scheme
    for system, chosen in zip(SCHEMES, reversed(SCHEMES), strict=True):
        page.emulate_media(color_scheme=system)
        theme.select_option(chosen)
        assert ground(page) == chosen
        page.reload()
        assert ground(page) == chosen
        expect(theme).to_have_value(chosen)
    theme.select_option("")
    assert ground(page) == "dark"
    language.select_option("es")
    expect(html).to_have_attribute("lang", "es")
    expect(page.locator("#language")).to_have_value("es")


@pytest.mark.slow
def test_times_and_numbers_are_those_of_the_region_and_words_those_of_the_page(
    new_context: NewContext, server: ApiProcess, enqueue: Enqueue
) -> None:
    task_id = enqueue(args=["x" * 1230])
    formats = "import(document.querySelector('script[type=module]').src.replace('app.js', 'formats.js'))"
    for locale, language, size, written in (
        ("en-US", "en", "1,234 bytes", ["Nov 7, 2026, 21:05:09", "in 2 d 23 h", "1 h 40 min ago"]),
        ("de-DE", "en", "1.234 bytes", ["07.11.2026, 21:05:09", "in 2 d 23 h", "1 h 40 min ago"]),
        ("es-ES", "es", "1234 bytes", ["7 nov 2026, 21:05:09", "dentro de 2 d 23 h", "hace 1 h 40 min"]),
    ):
        window = new_context(locale=locale, timezone_id="Europe/Berlin")
        tab = logged_in(window, server, "lapinq", "lapinq").new_page()
        tab.goto(f"/tasks/{task_id}")
        expect(tab.locator("html")).to_have_attribute("lang", language)
        expect(tab.get_by_role("heading", name=size)).to_be_visible()
        assert written == tab.evaluate(
            f"{formats}.then((to) => [to.moment.format(new Date('2026-11-07T20:05:09Z')),"
            " to.distance(3 * 86400 - 60), to.distance(-6010)])"
        )

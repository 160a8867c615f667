"""Pages look and speak as their reader wants: as the browser says, or as was chosen."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Enqueue, NewContext, logged_in
from tests.support.programs.processes import ApiProcess

pytestmark = pytest.mark.http


def ground(page: Page) -> int:
    """How light the page's ground is, from 0 to 765."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


def test_it_is_light_or_dark_as_the_system_is(page: Page) -> None:
    page.goto("/")
    assert ground(page) > 600
    page.emulate_media(color_scheme="dark")
    assert ground(page) < 150


@pytest.mark.parametrize(("system", "chosen"), [("light", "dark"), ("dark", "light")])
def test_what_was_chosen_counts_more(new_context: NewContext, system: str, chosen: str) -> None:
    tab = new_context(color_scheme=system).new_page()
    tab.goto("/login")
    tab.evaluate(f"localStorage.setItem('lapinq.theme', '{chosen}')")
    tab.reload()
    assert (ground(tab) < 150) is (chosen == "dark")


@pytest.mark.parametrize("locale", ["en-GB", "es-MX", "fr-FR"])
def test_it_speaks_the_language_of_the_browser(new_context: NewContext, locale: str) -> None:
    tab = new_context(locale=locale).new_page()
    tab.goto("/login")
    spoken = "es" if locale == "es-MX" else "en"
    expect(tab.locator("html")).to_have_attribute("lang", spoken)


@pytest.mark.parametrize(
    ("locale", "language", "size", "written"),
    [
        ("en-US", "en", "1,234 bytes", ["Nov 7, 2026, 21:05:09", "in 2 d 23 h", "1 h 40 min ago"]),
        ("de-DE", "en", "1.234 bytes", ["07.11.2026, 21:05:09", "in 2 d 23 h", "1 h 40 min ago"]),
        ("es-ES", "es", "1234 bytes", ["7 nov 2026, 21:05:09", "dentro de 2 d 23 h", "hace 1 h 40 min"]),
    ],
)
def test_times_and_numbers_are_those_of_the_region_and_words_those_of_the_page(
    new_context: NewContext,
    server: ApiProcess,
    enqueue: Enqueue,
    locale: str,
    language: str,
    size: str,
    written: list[str],
) -> None:
    window = new_context(locale=locale, timezone_id="Europe/Berlin")
    tab = logged_in(window, server, "lapinq", "lapinq").new_page()
    tab.goto(f"/tasks/{enqueue(args=['x' * 1230])}")
    expect(tab.locator("html")).to_have_attribute("lang", language)
    expect(tab.get_by_role("heading", name=size)).to_be_visible()
    formats = "import(document.querySelector('script[type=module]').src.replace('app.js', 'formats.js'))"
    assert written == tab.evaluate(
        f"{formats}.then((to) => [to.moment.format(new Date('2026-11-07T20:05:09Z')),"
        " to.distance(3 * 86400 - 60), to.distance(-6010)])"
    )


def test_a_chosen_language_counts_more(new_context: NewContext) -> None:
    tab = new_context(locale="en-GB").new_page()
    tab.goto("/login")
    tab.evaluate("document.cookie = 'lapinq_language=es; Path=/; SameSite=Lax'")
    tab.reload()
    expect(tab.locator("html")).to_have_attribute("lang", "es")

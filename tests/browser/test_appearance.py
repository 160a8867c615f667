"""Pages look and speak as their reader wants: as the browser says, or as was chosen."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext

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


def test_a_chosen_language_counts_more(new_context: NewContext) -> None:
    tab = new_context(locale="en-GB").new_page()
    tab.goto("/login")
    tab.evaluate("document.cookie = 'lapinq_language=es; Path=/; SameSite=Lax'")
    tab.reload()
    expect(tab.locator("html")).to_have_attribute("lang", "es")

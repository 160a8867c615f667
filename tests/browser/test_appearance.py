"""Pages look and speak as their reader wants: as the browser says, or as was chosen."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import UserPage

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

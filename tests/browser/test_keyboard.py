"""The pages by keyboard alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Enqueue
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http


def test_a_question_mark_shows_the_keys_and_escape_closes_them(page: Page) -> None:
    page.goto("/")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_hidden()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_text("Go to tasks")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_button_shows_the_keys_too_and_gets_the_focus_back(page: Page) -> None:
    page.goto("/")
    opener = page.get_by_role("button", name="Keyboard")
    opener.press("Enter")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").press("Enter")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


@pytest.mark.parametrize(
    ("letter", "path"), [("o", "/"), ("t", "/tasks"), ("u", "/admin/users"), ("a", "/account")]
)
def test_g_and_a_letter_goes_to_a_page(
    page: Page, letter: str, path: str, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 404")
    page.goto("/account" if path == "/" else "/")
    expect(page.locator("h1")).to_be_attached()
    page.keyboard.press("g")
    page.keyboard.press(letter)
    expect(page).to_have_url(re.compile(rf":\d+{path}$"))


def test_keys_in_a_field_are_text(page: Page) -> None:
    page.goto("/admin/users")
    page.get_by_text("New user", exact=True).click()
    field = page.get_by_label("Username")
    field.focus()
    page.keyboard.type("g?t")
    expect(field).to_have_value("g?t")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/admin/users$"))


def test_the_first_tab_offers_to_skip_to_the_content(page: Page) -> None:
    page.goto("/")
    skip = page.get_by_role("link", name="Skip to content")
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    assert (skip.bounding_box() or {"width": 0})["width"] > 50
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_what_has_the_focus_shows_it(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="outlined")
    page.goto("/")
    expect(page.get_by_role("link", name="outlined")).to_be_visible()
    seen = set[str]()
    for _ in range(40):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "(() => { const at = document.activeElement;"
            " return [at.outerHTML.slice(0, 80), getComputedStyle(at).outlineStyle]; })()"
        )
        if name.startswith("<body") or name in seen:
            break
        seen.add(name)
        assert outline != "none", name
    assert any("outlined" in name for name in seen)

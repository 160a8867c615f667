"""The browser tests notice errors that a page does not show."""

import pytest
from playwright.sync_api import Page

from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        ("console.error('complaint')", "complaint"),
        ("console.warn('complaint')", "complaint"),
        ("setTimeout(() => { throw new Error('broken'); })", "broken"),
        ("setTimeout(() => Promise.reject(new Error('broken')))", "broken"),
        ("document.body.setAttribute('style', 'color: red')", "policy violated: style-src-attr"),
        ("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))", "script-src"),
        ("fetch('https://elsewhere.example').catch(() => {})", "policy violated: connect-src"),
        ("document.body.append(Object.assign(new Image(), {src: 'nowhere'}))", "404"),
    ],
)
def test_it_is_noticed(page: Page, browser_errors: BrowserErrors, script: str, trouble: str) -> None:
    page.goto("/login")
    page.evaluate(f"{{ {script} }}")
    page.wait_for_load_state("networkidle")
    browser_errors.gather()
    assert trouble in "".join(browser_errors.unexpected())
    browser_errors.expect(".")


def test_a_page_without_troubles_has_none(page: Page, browser_errors: BrowserErrors) -> None:
    page.goto("/")
    browser_errors.gather()
    assert browser_errors.unexpected() == []

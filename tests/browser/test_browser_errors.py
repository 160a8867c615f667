"""The browser tests notice errors that a page does not show."""

import pytest
from playwright.sync_api import Page

from tests.support.eventually import eventually
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http


@pytest.mark.slow
def test_what_goes_wrong_in_a_page_is_noticed_and_nothing_else(
    page: Page, browser_errors: BrowserErrors
) -> None:
    def found() -> str:
        browser_errors.gather()
        return "".join(browser_errors.unexpected())

    page.goto("/")
    assert found() == ""
    for script, trouble in (
        ("console.error('complaint')", "complaint"),
        ("console.warn('concern')", "concern"),
        ("setTimeout(() => { throw new Error('broken'); })", "broken"),
        ("setTimeout(() => Promise.reject(new Error('rejected')))", "rejected"),
        ("document.body.setAttribute('style', 'color: red')", "policy violated: style-src-attr"),
        ("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))", "script-src"),
        ("fetch('https://elsewhere.example').catch(() => {})", "policy violated: connect-src"),
        ("document.body.append(Object.assign(new Image(), {src: 'nowhere'}))", "404"),
    ):
        assert trouble not in found()
        page.evaluate(f"{{ {script} }}")
        eventually(lambda trouble=trouble: trouble in found())
    browser_errors.expect(".")

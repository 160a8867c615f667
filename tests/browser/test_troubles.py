"""What goes wrong in a page without anybody seeing it is noticed by these tests."""

import pytest
from playwright.sync_api import Page

from tests.support.troubles import Troubles

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
def test_it_is_noticed(page: Page, troubles: Troubles, script: str, trouble: str) -> None:
    page.goto("/login")
    page.evaluate(f"{{ {script} }}")
    page.wait_for_load_state("networkidle")
    troubles.gather()
    assert trouble in "".join(troubles.unexpected())
    troubles.expect(".")


def test_a_page_without_troubles_has_none(page: Page, troubles: Troubles) -> None:
    page.goto("/")
    troubles.gather()
    assert troubles.unexpected() == []

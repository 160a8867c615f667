"""An open page stays as things are on the server, and leaves alone what its reader is at."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Enqueue

pytestmark = pytest.mark.http


def row(page: Page, queue: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=queue, exact=True))


def completed(page: Page, queue: str) -> Locator:
    return row(page, queue).locator("[data-label=Completed]")


def state_of(page: Page) -> Locator:
    return page.locator("#live-state")


def test_what_arrives_is_shown_but_not_to_one_who_reads_or_froze_the_page(
    own_page: Page, enqueue: Enqueue
) -> None:
    page = own_page
    page.goto("/queues")
    page.evaluate("window.isStill = true")
    enqueue(queue_name="arrivals")
    expect(completed(page, "arrivals")).to_have_text("1")
    enqueue(queue_name="arrivals")
    expect(completed(page, "arrivals")).to_have_text("2")
    expect(state_of(page)).to_have_text("Live")

    pause = page.get_by_role("button", name="Freeze view")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    expect(state_of(page)).to_have_text("Frozen")
    other = page.context.new_page()
    other.goto("/queues")
    enqueue(queue_name="arrivals")
    expect(completed(other, "arrivals")).to_have_text("3")
    expect(completed(page, "arrivals")).to_have_text("2")
    page.keyboard.press("p")
    expect(state_of(page)).to_have_text("Live")
    expect(completed(page, "arrivals")).to_have_text("3")

    # Selected text stays selected.
    page.evaluate("getSelection().selectAllChildren(document.getElementById('queue-arrivals'))")
    chosen = page.evaluate("getSelection().toString()")
    assert "arrivals" in chosen
    enqueue(queue_name="arrivals")
    expect(completed(other, "arrivals")).to_have_text("4")
    assert page.evaluate("getSelection().toString()") == chosen
    page.evaluate("getSelection().removeAllRanges()")
    expect(completed(page, "arrivals")).to_have_text("4")

    # The focus stays where it is.
    link = page.get_by_role("link", name="arrivals", exact=True)
    link.focus()
    enqueue(queue_name="an arrival above")
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(link).to_be_focused()
    assert page.evaluate("window.isStill")

    # A page that the browser kept is live again.
    page.goto("/account")
    page.go_back()
    enqueue(queue_name="arrivals")
    expect(completed(page, "arrivals")).to_have_text("5")
    expect(state_of(page)).to_have_text("Live")

    # Whoever logs out in another tab is led to the login.
    other.goto("/account")
    other.get_by_role("button", name="Log out").click()
    expect(other).to_have_url(re.compile(r"/login$"))
    expect(page).to_have_url(re.compile(r"/login\?next=%2Fqueues&ended=1$"))
    expect(page.get_by_role("status")).to_contain_text("Your session has ended")

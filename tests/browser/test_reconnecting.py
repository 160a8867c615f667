"""A page whose server goes away says so, and is live again once it is back."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Enqueue, NewContext, logged_in
from tests.support.pages.browser_errors import BrowserErrors
from tests.support.programs.processes import ApiProcess

pytestmark = pytest.mark.http

SECRET = {"LAPINQ_SESSION_SECRET": "that of sessions which outlast the server"}


@pytest.fixture(autouse=True)
def _expect_refused_sockets(browser_errors: BrowserErrors) -> None:
    browser_errors.expect("WebSocket connection to .* failed")


def tab_of(server: ApiProcess, new_context: NewContext) -> Page:
    """A tab with the queues of that server, live."""
    tab = logged_in(new_context(base_url=server.url), server, "lapinq", "lapinq").new_page()
    tab.goto("/queues")
    expect(tab.locator("#live-state")).to_have_text("Live")
    return tab


def test_it_reconnects_to_a_server_that_was_restarted(
    new_context: NewContext, server_database: str, enqueue: Enqueue
) -> None:
    with ApiProcess(server_database, env=SECRET) as first:
        tab, port = tab_of(first, new_context), first.url.rpartition(":")[2]
        first.kill()
    state, pause = tab.locator("#live-state"), tab.get_by_role("button", name="Freeze view")
    expect(state).to_have_text("Reconnecting")
    for _ in range(2):  # what it says of the connection is true whatever is pressed
        pause.click()
        assert state.text_content() == "Reconnecting"
    with ApiProcess(server_database, "--port", port, env=SECRET):
        expect(state).to_have_text("Live", timeout=30_000)
        enqueue(queue_name="afterwards")
        expect(tab.locator("#queue-afterwards [data-label=Completed]")).to_have_text("1")


def test_a_restart_that_ends_the_session_is_explained_and_the_login_leads_back(
    new_context: NewContext, server_database: str
) -> None:
    with ApiProcess(server_database) as first:
        port = first.url.rpartition(":")[2]
        tab = new_context(base_url=first.url).new_page()
        tab.goto("/queues?q=a%20b")
        fill_in(tab)
        expect(tab.locator("#live-state")).to_have_text("Live")
        first.kill()
    with ApiProcess(server_database, "--port", port):
        expect(tab.get_by_text("The server restarted without a session secret")).to_be_visible(timeout=30_000)
        fill_in(tab)
        expect(tab).to_have_url(re.compile(r"/queues\?q=a%20b$"))


def fill_in(login: Page) -> None:
    login.get_by_label("Username").fill("lapinq")
    login.get_by_label("Password").fill("lapinq")
    login.get_by_label("Password").press("Enter")

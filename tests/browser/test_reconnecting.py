"""A page whose server goes away says so, and is live again once it is back, or explains why not."""

import re
from collections.abc import Generator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Enqueue, NewContext, logged_in
from tests.browser.test_login import fill_in
from tests.support.pages.browser_errors import BrowserErrors
from tests.support.programs.processes import ApiProcess, reserved_port

pytestmark = pytest.mark.http

SECRET = {"LAPINQ_SESSION_SECRET": "that of sessions which outlast the server"}


@pytest.fixture
def port() -> Generator[int]:
    with reserved_port() as reserved:
        yield reserved


def test_it_reconnects_to_a_server_that_restarted_and_logs_in_again_where_the_session_ended(
    new_context: NewContext,
    server_database: str,
    enqueue: Enqueue,
    browser_errors: BrowserErrors,
    port: int,
) -> None:
    browser_errors.expect("WebSocket connection to .* failed")
    arguments = (server_database, "--port", str(port))
    with ApiProcess(*arguments, env=SECRET) as first:
        window = logged_in(new_context(base_url=first.url), first, "lapinq", "lapinq")
        window.add_cookies([{"name": "lapinq_boot", "value": "left by a login", "url": first.url}])
        tab = window.new_page()
        tab.goto("/queues?q=afterwards%20b")
        state, pause = tab.locator("#live-state"), tab.get_by_role("button", name="Freeze view")
        expect(state).to_have_text("Live")
        first.kill()
    expect(state).to_have_text("Reconnecting")
    part = tab.locator("[data-part]").first
    expect(part).to_have_attribute("data-as-of", re.compile(r"as of \d\d:\d\d:\d\d$"))
    for _ in range(2):  # what it says of the connection is true whatever is pressed
        pause.click()
        assert state.text_content() == "Reconnecting"
    with ApiProcess(*arguments, env=SECRET) as second:
        expect(state).to_have_text("Live")
        assert part.get_attribute("data-as-of") is None
        enqueue(queue_name="afterwards b")
        expect(tab.locator("tbody tr[id] [data-label=Completed]")).to_have_text("1")
        second.kill()
    with ApiProcess(*arguments):
        expect(tab.get_by_text("The server restarted without a session secret")).to_be_visible()
        fill_in(tab)
        expect(tab).to_have_url(re.compile(r"/queues\?q=afterwards%20b$"))

"""Logging in and out in a browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import CheckAccess, NewContext
from tests.support.http.certificate import self_signed
from tests.support.pages.browser_errors import BrowserErrors
from tests.support.programs.processes import TlsServer

pytestmark = pytest.mark.http

PREFERENCES = {"lapinq_zone"}
"""Cookies that a logout leaves."""


def fill_in(login: Page, password: str = "lapinq") -> None:
    login.get_by_label("Username").fill("lapinq")
    login.get_by_label("Password").fill(password)
    login.get_by_label("Password").press("Enter")


def test_the_login_leads_on_after_a_wrong_password_and_back_to_a_form(
    stranger: Page, browser_errors: BrowserErrors, axe: CheckAccess
) -> None:
    browser_errors.expect("status of 401")
    stranger.set_viewport_size({"width": 390, "height": 844})
    stranger.emulate_media(color_scheme="dark")
    stranger.goto("/")
    expect(stranger).to_have_url(re.compile(r"/login$"))
    expect(stranger.get_by_label("Username")).to_be_focused()
    axe(stranger)
    assert stranger.evaluate("document.scrollingElement.scrollWidth") <= 390
    fill_in(stranger, "no such password")
    expect(stranger.get_by_role("alert")).to_have_text("Invalid credentials")
    fill_in(stranger)
    expect(stranger).to_have_title("Overview · lapinq")

    stranger.goto("/account")
    stranger.context.clear_cookies()
    stranger.get_by_label("Current password").fill("lapinq")
    stranger.get_by_label("New password").fill("correct horse")
    stranger.get_by_role("button", name="Change password").click()
    fill_in(stranger)
    expect(stranger).to_have_url(re.compile(r"/account$"))


@pytest.mark.slow
def test_over_tls_the_session_is_in_a_cookie_that_no_other_host_can_set(
    new_context: NewContext, server_database: str, tmp_path: Path
) -> None:
    with TlsServer(server_database, self_signed(tmp_path)) as server:
        window = new_context(base_url=server.url, ignore_https_errors=True)
        page = window.new_page()
        page.goto("/login")
        fill_in(page)
        expect(page).to_have_title("Overview · lapinq")
        assert names(window) - PREFERENCES == {"__Host-lapinq_session", "lapinq_boot"}
        with page.expect_websocket() as socket:
            page.reload()
        assert socket.value.url.startswith("wss:")
        expect(page.locator("#live-state")).to_have_text("Live")
        page.goto("/livez")  # a live page would reload when its session ends, and abort what follows
        page.goto("/logout")
        expect(page).to_have_url(re.compile(r"/login$"))
        assert names(window) - PREFERENCES == set()
        window.close()


def names(window: BrowserContext) -> set[str | None]:
    """Of the window's cookies."""
    return {cookie.get("name") for cookie in window.cookies()}

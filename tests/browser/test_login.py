"""Logging in and out in a browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext
from tests.support.http.certificate import self_signed
from tests.support.pages.browser_errors import BrowserErrors
from tests.support.programs.processes import TlsServer

pytestmark = pytest.mark.http


def test_the_right_password_leads_to_the_overview(stranger: Page) -> None:
    stranger.goto("/")
    expect(stranger).to_have_url(re.compile(r"/login$"))
    stranger.get_by_label("Username").fill("lapinq")
    stranger.get_by_label("Password").fill("lapinq")
    stranger.get_by_role("button", name="Log in").click()
    expect(stranger).to_have_title("Overview · lapinq")
    expect(stranger.get_by_text("The default password of user lapinq is still in use.")).to_be_visible()


def test_a_form_whose_session_ended_leads_to_the_login_and_back(
    page: Page, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 401")
    page.goto("/account")
    page.context.clear_cookies()
    page.get_by_label("Current password").fill("lapinq")
    page.get_by_label("New password").fill("correct horse")
    page.get_by_role("button", name="Change password").click()
    page.get_by_label("Username").fill("lapinq")
    page.get_by_label("Password").fill("lapinq")
    page.get_by_label("Password").press("Enter")
    expect(page).to_have_url(re.compile(r"/account$"))


def test_a_wrong_password_is_told_and_may_be_tried_again(
    stranger: Page, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 401")
    stranger.goto("/login")
    stranger.get_by_label("Username").fill("lapinq")
    stranger.get_by_label("Password").fill("no such password")
    stranger.get_by_label("Password").press("Enter")
    expect(stranger.get_by_role("alert")).to_have_text("Invalid credentials")
    stranger.get_by_label("Username").fill("lapinq")
    stranger.get_by_label("Password").fill("lapinq")
    stranger.get_by_label("Password").press("Enter")
    expect(stranger).to_have_title("Overview · lapinq")


def test_over_tls_the_session_is_in_a_cookie_that_no_other_host_can_set(
    new_context: NewContext, server_database: str, tmp_path: Path
) -> None:
    with TlsServer(server_database, self_signed(tmp_path)) as server:
        window = new_context(base_url=server.url, ignore_https_errors=True)
        page = window.new_page()
        page.goto("/login")
        page.get_by_label("Username").fill("lapinq")
        page.get_by_label("Password").fill("lapinq")
        page.get_by_label("Password").press("Enter")
        expect(page).to_have_title("Overview · lapinq")
        assert {cookie.get("name") for cookie in window.cookies()} == {"__Host-lapinq_session", "lapinq_boot"}
        with page.expect_websocket() as socket:
            page.reload()
        assert socket.value.url.startswith("wss:")
        expect(page.locator("#live-state")).to_have_text("Live")
        page.goto("/livez")  # a live page would reload when its session ends, and abort what follows
        page.goto("/logout")
        expect(page).to_have_url(re.compile(r"/login$"))
        assert window.cookies() == []
        window.close()

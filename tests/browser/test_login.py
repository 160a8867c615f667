"""Logging in and out in a browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.troubles import Troubles

pytestmark = pytest.mark.http


def test_the_right_password_leads_to_the_overview(stranger: Page) -> None:
    stranger.goto("/")
    expect(stranger).to_have_url(re.compile(r"/login$"))
    stranger.get_by_label("Username").fill("lapinq")
    stranger.get_by_label("Password").fill("lapinq")
    stranger.get_by_role("button", name="Log in").click()
    expect(stranger).to_have_title("Overview · lapinq")
    expect(stranger.get_by_text("Everybody knows the password of the user lapinq.")).to_be_visible()


def test_a_wrong_password_is_told_and_may_be_tried_again(stranger: Page, troubles: Troubles) -> None:
    troubles.expect("status of 401")
    stranger.goto("/login")
    stranger.get_by_label("Username").fill("lapinq")
    stranger.get_by_label("Password").fill("no such password")
    stranger.get_by_label("Password").press("Enter")
    expect(stranger.get_by_role("alert")).to_have_text("Invalid credentials")
    stranger.get_by_label("Username").fill("lapinq")
    stranger.get_by_label("Password").fill("lapinq")
    stranger.get_by_label("Password").press("Enter")
    expect(stranger).to_have_title("Overview · lapinq")

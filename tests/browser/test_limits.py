"""The page of named limits in a browser."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CheckAccess, UserPage
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http


def test_an_admin_creates_changes_and_deletes_a_limit(
    page: Page, admin: httpx.Client, axe: CheckAccess, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 400")
    page.goto("/limits")
    page.get_by_role("button", name="New limit").click()
    dialog = page.get_by_role("dialog", name="New limit")
    name, most = dialog.get_by_label("Name"), dialog.get_by_label("Running at most")
    name.fill("openai")
    axe(page)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("without both would allow everything")
    rate = dialog.get_by_role("group", name="Units")
    rate.get_by_label("Units", exact=True).fill("90000")
    dialog.get_by_role("button", name="Save").click()
    expect(rate.get_by_label("In seconds")).to_be_focused()
    expect(name).to_have_value("openai")
    rate.get_by_label("In seconds").fill("60")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Limit openai is saved.")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="openai")
    expect(row).to_contain_text(re.compile(r"90\s000 in 1 min"))

    page.get_by_role("button", name="New limit").click()
    name.fill("openai")
    most.fill("1")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("There is one with this name already.")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()

    page.get_by_role("button", name="Edit limit openai").click()
    edited = page.get_by_role("dialog", name="Limit openai")
    expect(edited.get_by_label("Name")).to_be_hidden()
    edited.get_by_label("Running at most").fill("2")
    edited.get_by_role("group").get_by_label("Units", exact=True).fill("")
    edited.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("0 / 2")
    assert admin.get("/api/v1/limits/openai").json()["rate"] is None

    page.get_by_role("button", name="Delete limit openai").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Limit openai is deleted.")).to_be_visible()
    actions = [entry["action"] for entry in admin.get("/api/v1/audit").json()]
    assert actions[:3] == ["limit.delete", "limit.set", "limit.set"]


def test_who_may_only_look_is_told_what_it_takes(
    user_page: UserPage, admin: httpx.Client, axe: CheckAccess
) -> None:
    admin.put("/api/v1/limits/gpu", json={"max_running": 1}).raise_for_status()
    page = user_page({"video": ["pause"]})
    page.goto("/limits")
    expect(page.get_by_role("button", name="New limit: Only admins can do this")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="gpu")
    for label in ("Edit", "Delete"):
        expect(row.get_by_role("button", name=f"{label}: Only admins can do this")).to_be_visible()
    axe(page)

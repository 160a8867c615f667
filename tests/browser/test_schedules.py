"""The schedules in a browser: what is done to them, and that every window that shows them follows."""

import re
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import AddSchedule, CheckAccess, UserPage
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http

NAME = "<b>&\"' 50%"


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


@pytest.mark.slow
def test_a_schedule_is_paused_run_and_deleted_and_seen_so_in_another_window(
    page: Page, user_page: UserPage, admin: httpx.Client, add_schedule: AddSchedule, axe: CheckAccess
) -> None:
    for one in admin.get("/api/v1/schedules").json():
        admin.delete(f"/api/v1/schedules/{quote(one['name'], safe='')}")
    page.goto("/schedules")
    told = page.get_by_role("heading", name="Run a task on a schedule")
    expect(told).to_be_visible()
    address = add_schedule(NAME)
    expect(row(page, NAME)).to_be_visible()
    expect(told).to_be_hidden()

    other, dialog = user_page(), page.get_by_role("dialog")
    other.goto(address)
    heading, note = other.get_by_role("heading", name=NAME), other.get_by_role("note")
    expect(heading).to_contain_text("active")
    page.get_by_role("button", name=f"Pause {NAME}").click()
    axe(dialog)
    dialog.get_by_label("Reason").fill("out of <b>stamps</b>")
    dialog.get_by_role("button", name="Pause").click()
    expect(page.get_by_text(f"{NAME} is paused.")).to_be_visible()
    for place in (row(page, NAME), note):
        expect(place).to_contain_text("by lapinq: out of <b>stamps</b>")
    expect(heading).to_contain_text("paused")
    page.get_by_role("button", name=f"Resume {NAME}").click()
    expect(page.get_by_text(f"{NAME} is resumed.")).to_be_visible()
    expect(page.get_by_role("button", name=f"Pause {NAME}")).to_be_visible()
    expect(heading).to_contain_text("active")

    other.goto("/schedules")
    expect(row(other, NAME).locator(".mark")).to_have_count(0)
    page.goto(address)
    page.get_by_role("button", name=f"Run {NAME} now").click()
    expect(page.get_by_text(f"{NAME} will run now.")).to_be_visible()
    history = page.locator("#schedule-ticks")
    expect(history).to_contain_text("Started by lapinq.")
    expect(history.get_by_role("link", name="completed")).to_be_visible()
    for _ in range(2):
        assert admin.post(f"/api/v1{address}/run").status_code == 201
    marks = row(other, NAME).get_by_role("link", name=re.compile("UTC: completed$"))
    expect(marks).to_have_count(3)
    marks.last.focus()
    for key, reached in (("ArrowLeft", 1), ("ArrowRight", 2), ("ArrowRight", 2)):
        other.keyboard.press(key)
        expect(marks.nth(reached)).to_be_focused()
    marks.last.click()
    expect(other).to_have_url(re.compile(r"/tasks/[\w-]+$"))
    other.locator("#task-facts").get_by_role("link", name=NAME).click()
    expect(other).to_have_url(re.compile(re.escape(address) + "$"))

    delete = page.get_by_role("button", name="Delete")
    delete.click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(delete).to_be_enabled()
    delete.click()
    expect(dialog).to_contain_text(f"Delete the schedule {NAME} and its history?")
    dialog.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/schedules$"))
    expect(page.get_by_text(f"Schedule {NAME} is deleted.")).to_be_visible()
    expect(row(page, NAME)).to_have_count(0)


@pytest.mark.slow
def test_a_run_that_is_refused_says_why(
    page: Page, admin: httpx.Client, add_schedule: AddSchedule, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 409")
    address = add_schedule("waits", queue_name="nobody's", overlap="skip")
    admin.post("/api/v1/queues/nobody's/pause").raise_for_status()
    page.goto(address)
    page.get_by_role("button", name="Run waits now").click()
    expect(page.get_by_text("waits will run now.")).to_be_visible()
    page.get_by_role("button", name="Run waits now").click()
    expect(page.get_by_role("alert").get_by_text("The previous run")).to_be_visible()

"""The schedules in a browser: what is done to them, and that every window that shows them follows."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import CheckAccess, UserPage
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http

AddSchedule = Callable[..., str]
NAME = "<b>&\"' 50%"


@pytest.fixture
def add_schedule(admin: httpx.Client) -> AddSchedule:
    """Makes a schedule that comes once a year, where the fields don't say otherwise, and answers its address."""

    def make(name: str, **fields: Any) -> str:
        admin.delete(f"/api/v1/schedules/{quote(name, safe='')}")
        body = {"name": name, "task_name": "factorial", "module_path": "math", "args": [5], "cron": "@yearly"}
        answer = admin.post("/api/v1/schedules", json={**body, **fields})
        assert answer.status_code == 201, answer.text
        return f"/schedules/{quote(name, safe='')}"

    return make


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_pausing_and_resuming_is_seen_in_another_window(
    page: Page, user_page: UserPage, add_schedule: AddSchedule
) -> None:
    address = add_schedule(NAME)
    other = user_page()
    other.goto(address)
    expect(other.get_by_role("heading", name=NAME)).to_contain_text("active")
    page.goto("/schedules")
    page.get_by_role("button", name=f"Pause {NAME}").click()
    dialog = page.get_by_role("dialog", name=f"Pause {NAME}")
    dialog.get_by_label("Reason").fill("out of <b>stamps</b>")
    dialog.get_by_role("button", name="Pause").click()
    expect(page.get_by_text(f"{NAME} is paused.")).to_be_visible()
    expect(row(page, NAME)).to_contain_text("by lapinq: out of <b>stamps</b>")
    expect(other.get_by_role("heading", name=NAME)).to_contain_text("paused")
    expect(other.get_by_role("note")).to_contain_text("by lapinq: out of <b>stamps</b>")
    page.get_by_role("button", name=f"Resume {NAME}").click()
    expect(page.get_by_text(f"{NAME} is resumed.")).to_be_visible()
    expect(page.get_by_role("button", name=f"Pause {NAME}")).to_be_visible()
    expect(other.get_by_role("heading", name=NAME)).to_contain_text("active")


def test_a_run_that_is_asked_for_is_seen_in_another_window(
    page: Page, user_page: UserPage, add_schedule: AddSchedule, axe: CheckAccess
) -> None:
    address = add_schedule(NAME)
    other = user_page()
    other.goto("/schedules")
    expect(row(other, NAME).locator(".mark")).to_have_count(0)
    page.goto(address)
    page.get_by_role("button", name=f"Run {NAME} now").click()
    expect(page.get_by_text(f"{NAME} will run now.")).to_be_visible()
    axe(page)
    history = page.locator("#schedule-ticks")
    expect(history).to_contain_text("Started by lapinq.")
    expect(history.get_by_role("link", name="completed")).to_be_visible()
    mark = row(other, NAME).get_by_role("list").get_by_role("link", name=re.compile(r"UTC: completed$"))
    mark.click()
    expect(other).to_have_url(re.compile(r"/tasks/[\w-]+$"))
    other.locator("#task-facts").get_by_role("link", name=NAME).click()
    expect(other).to_have_url(re.compile(re.escape(address) + "$"))


def test_a_run_that_is_refused_says_why(
    page: Page, add_schedule: AddSchedule, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 409")
    address = add_schedule(
        "waits", queue_name="nobody's", overlap="skip", module_path="tests.support.sample.tasks"
    )
    page.goto("/queues")
    page.request.post("/api/v1/queues/nobody's/pause")
    page.goto(address)
    page.get_by_role("button", name="Run waits now").click()
    expect(page.get_by_text("waits will run now.")).to_be_visible()
    page.get_by_role("button", name="Run waits now").click()
    expect(page.get_by_text(re.compile("^The previous run.* has not ended"))).to_be_visible()


def test_the_arrows_lead_along_the_marks(page: Page, admin: httpx.Client, add_schedule: AddSchedule) -> None:
    add_schedule("marked")
    for _ in range(3):
        assert admin.post("/api/v1/schedules/marked/run").status_code == 201
    page.goto("/schedules")
    marks = row(page, "marked").get_by_role("link", name=re.compile("UTC: completed$"))
    expect(marks).to_have_count(3)
    marks.last.focus()
    page.keyboard.press("ArrowLeft")
    expect(marks.nth(1)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(marks.nth(2)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(marks.nth(2)).to_be_focused()


def test_one_is_deleted_after_a_question(page: Page, add_schedule: AddSchedule) -> None:
    address = add_schedule(NAME)
    page.goto(address)
    delete = page.get_by_role("button", name="Delete")
    delete.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(delete).to_be_enabled()
    delete.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Delete the schedule {NAME} and its history?")
    dialog.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/schedules$"))
    expect(page.get_by_text(f"Schedule {NAME} is deleted.")).to_be_visible()
    expect(row(page, NAME)).to_have_count(0)


def test_the_first_one_takes_the_place_of_what_says_how_to_make_one(
    page: Page, admin: httpx.Client, add_schedule: AddSchedule
) -> None:
    for one in admin.get("/api/v1/schedules").json():
        admin.delete(f"/api/v1/schedules/{quote(one['name'], safe='')}")
    page.goto("/schedules")
    told = page.get_by_role("heading", name="Run a task on a schedule")
    expect(told).to_be_visible()
    add_schedule("first")
    expect(row(page, "first")).to_be_visible()
    expect(told).to_be_hidden()


def test_its_dialog_keeps_nobody_out(page: Page, axe: CheckAccess, add_schedule: AddSchedule) -> None:
    add_schedule("nightly")
    page.goto("/schedules")
    page.get_by_role("button", name="Pause nightly").click()
    axe(page)


def test_g_s_goes_to_the_schedules(page: Page) -> None:
    page.goto("/account")
    expect(page.locator("h1")).to_be_attached()
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page).to_have_url(re.compile("/schedules$"))

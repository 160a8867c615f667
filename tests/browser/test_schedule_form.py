"""The form of a schedule in a browser: what it says while somebody types, and what becomes of it."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import AddSchedule, CheckAccess, Enqueue, UserPage
from tests.support.eventually import eventually
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http

LINE = re.compile(r"^\d{4}-\d\d-\d\d 09:00:00 \+0[12]:00$")


def preview(page: Page) -> Locator:
    return page.locator("#preview")


def wrong(page: Page, name: str) -> Locator:
    return page.locator(f"#wrong-{name}")


def field(page: Page, label: str) -> Locator:
    return page.get_by_role("textbox", name=label, exact=True).or_(
        page.get_by_role("combobox", name=label, exact=True)
    )


def stored(admin: httpx.Client, name: str) -> dict[str, Any]:
    return admin.get(f"/api/v1/schedules/{name}").json()


def test_one_is_made_and_seen_beforehand(
    page: Page,
    admin: httpx.Client,
    browser_errors: BrowserErrors,
    add_schedule: AddSchedule,
    axe: CheckAccess,
) -> None:
    browser_errors.expect("status of 4(00|09)")
    add_schedule("taken")
    page.goto("/schedules")
    page.get_by_role("link", name="New schedule").first.click()
    save = page.get_by_role("button", name="Create schedule")
    cron, every = (field(page, label) for label in ("Cron expression", "Interval"))
    # What is wrong is told at each field, and the first has the focus.
    save.click()
    expect(field(page, "Name")).to_be_focused()
    for name in ("name", "task_name", "module_path", "cron"):
        expect(wrong(page, name)).not_to_be_empty()
    axe(page.locator("form.schedule-form"))
    cron.fill("0 25 * * *")
    expect(wrong(page, "cron")).to_contain_text("25")
    expect(cron).to_have_attribute("aria-invalid", "true")
    cron.fill("0 5 * * *")
    expect(wrong(page, "cron")).to_be_hidden()
    expect(preview(page)).to_contain_text("At 05:00")
    page.get_by_label("Interval", exact=True).first.check()
    expect(cron).to_be_hidden()
    every.fill("1h30m")
    expect(preview(page)).to_contain_text("Every 1 hour and 30 minutes")

    # An old answer is dropped.
    page.get_by_label("Cron expression", exact=True).first.check()
    held: list[Route] = []
    page.route(re.compile(r"/schedules/preview\?.*cron=0\+1"), lambda route: held.append(route))
    with page.expect_request(lambda request: "cron=0+1" in request.url):
        cron.fill("0 1 * * *")
    cron.fill("0 2 * * *")
    expect(preview(page)).to_contain_text("At 02:00")
    with page.expect_response(lambda answer: "cron=0+1" in answer.url):
        held[0].continue_()
    page.wait_for_function("() => new Promise((done) => setTimeout(() => done(true)))")
    expect(preview(page)).to_contain_text("At 02:00")

    for label, text in (
        ("Name", "taken"),
        ("Task", "factorial"),
        ("Module", "math"),
        ("Arguments", "{}"),
        ("Keyword arguments", "{nothing}"),
        ("Cron expression", "0 9 * * 1-5"),
    ):
        field(page, label).fill(text)
    field(page, "Time zone").select_option("Europe/Madrid")
    expect(preview(page)).to_contain_text("At 09:00, Monday through Friday")
    expect(preview(page).get_by_role("listitem").filter(has_text=LINE)).to_have_count(5)
    save.click()
    expect(wrong(page, "args")).to_have_text("Must be a list, for example [1, 2].")
    expect(wrong(page, "kwargs")).to_contain_text("Invalid JSON")
    expect(field(page, "Arguments")).to_be_focused()
    field(page, "Arguments").fill("[12345678901234567890]")
    field(page, "Keyword arguments").fill("")
    # What is folded away is opened.
    more, retries = page.get_by_text("More:"), page.get_by_label("Retries", exact=True)
    more.click()
    page.get_by_label("If the previous run has not ended").select_option("skip")
    page.get_by_label("Starts (UTC)").fill("2090-01-01T10:00:00")
    retries.fill("-1")
    more.click()
    save.click()
    expect(retries).to_be_focused()
    retries.fill("1")
    save.click()
    expect(page.get_by_text("A schedule with this name exists already.")).to_be_visible()
    field(page, "Name").fill("made here")
    save.click()
    expect(page).to_have_url(re.compile("/schedules/made%20here$"))
    expect(page.get_by_text("Schedule made here is created.")).to_be_visible()
    made = stored(admin, "made here")
    # No number is lost in a script.
    assert "12345678901234567890" in admin.get("/api/v1/schedules/made here").text
    assert (made["cron"], made["timezone"], made["overlap"]) == ("0 9 * * 1-5", "Europe/Madrid", "skip")
    assert made["starts_at"] in {"2090-01-01T10:00:00Z", "2090-01-01T10:00:00+00:00"}


def test_a_known_function_fills_in_its_module_and_a_run_may_have_other_arguments(
    page: Page, admin: httpx.Client, enqueue: Enqueue, add_schedule: AddSchedule
) -> None:
    enqueue(module_path="tests.support.sample.shop", task_name="large_order", args=[1, "ada", 0.01])
    eventually(lambda: "large_order" in admin.get("/api/v1/registered").text, 30)
    page.goto("/schedules/new")
    module = field(page, "Module")
    field(page, "Task").fill("large_order")
    expect(module).to_have_value("tests.support.sample.shop")
    module.fill("mine")
    field(page, "Task").fill("")
    field(page, "Task").fill("large_order")
    expect(module).to_have_value("mine")

    page.goto(add_schedule("with others", queue_name="with others"))
    page.get_by_role("link", name="Run with arguments…").click()
    field(page, "Arguments").fill("[6]")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("factorial is enqueued.")).to_be_visible()
    expect(page.locator("#call")).to_have_text("factorial(6)")
    assert stored(admin, "with others")["args"] == [5]


@pytest.mark.slow
def test_who_comes_second_takes_over_and_keeps_what_they_typed(
    page: Page,
    admin: httpx.Client,
    user_page: UserPage,
    browser_errors: BrowserErrors,
    add_schedule: AddSchedule,
) -> None:
    browser_errors.expect("status of 409")
    given = {"priority": 3, "metadata": {"a": 1.5}, "starts_at": "2090-01-01T10:00:00Z"}
    address = add_schedule("shared", queue_name="mail", **given)
    sent: list[Any] = []
    page.goto(address)
    page.get_by_role("link", name="Edit").click()
    other = user_page({"mail": ["enqueue"]})
    other.on(
        "request", lambda request: sent.append(request.post_data_json) if request.method == "PATCH" else None
    )
    other.goto(f"{address}/edit")
    field(other, "Cron expression").fill("0 7 * * *")
    field(other, "Arguments").fill("[7]")
    other.get_by_text("More:").click()
    field(other, "Metadata").fill("")
    other.get_by_label("Double the delay").uncheck()
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_text("Schedule shared is changed.")).to_be_visible()
    changes = {"cron": "0 7 * * *", "args": [7], "metadata": None, "retry_backoff": False}
    assert sent == [{**changes, "version": 1}]
    field(page, "Time zone").select_option("Europe/Madrid")
    field(page, "Arguments").fill("[8]")
    save = page.get_by_role("button", name="Save")
    save.click()
    conflict = page.locator("#conflict")
    expect(conflict).to_be_focused()
    expect(conflict).to_contain_text(re.compile(r"person \d+ has changed this schedule"))
    conflict.get_by_role("button").click()
    expect(conflict).to_be_hidden()
    expect(field(page, "Cron expression")).to_have_value("0 7 * * *")
    expect(field(page, "Arguments")).to_have_value("[8]")
    expect(field(page, "Time zone")).to_have_value("Europe/Madrid")
    expect(wrong(page, "args")).to_contain_text(re.compile(r"Changed to: \[\s*7\s*\]"))
    save.click()
    expect(page.get_by_text("Schedule shared is changed.")).to_be_visible()
    now = stored(admin, "shared")
    assert (now["cron"], now["timezone"], now["args"]) == ("0 7 * * *", "Europe/Madrid", [8])
    assert (now["metadata"], now["priority"]) == (None, 3)

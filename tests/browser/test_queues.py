"""The page of the queues in a browser."""

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import CheckAccess, Enqueue, UserPage
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http


def row(page: Page, queue: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=queue, exact=True))


def test_a_queue_is_paused_with_a_reason_and_goes_on(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="mail")
    page.goto("/queues")
    page.get_by_role("button", name="Pause queue mail").click()
    dialog = page.get_by_role("dialog", name="Pause mail")
    dialog.get_by_label("Reason").fill("out of <b>stamps</b>")
    dialog.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Queue mail is paused.")).to_be_visible()
    expect(row(page, "mail")).to_contain_text("by lapinq: out of <b>stamps</b>")
    resume = page.get_by_role("button", name="Resume queue mail")
    expect(resume).to_have_text("Resume")
    resume.click()
    expect(page.get_by_text("Queue mail is resumed.")).to_be_visible()
    expect(page.get_by_role("button", name="Pause queue mail")).to_have_text("Pause")


def test_who_thinks_better_of_it_pauses_nothing(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="video")
    page.goto("/queues")
    page.get_by_role("button", name="Pause queue video").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row(page, "video")).not_to_contain_text("paused")


def test_a_new_queue_waits_until_it_is_asked_for(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="first")
    page.goto("/queues")
    row(page, "first").hover()
    enqueue(queue_name="another")
    note = page.get_by_role("button", name="1 new")
    expect(note).to_be_visible()
    expect(row(page, "another")).to_have_count(0)
    note.click()
    expect(row(page, "another")).to_be_visible()


def test_who_may_only_look_is_told_what_it_takes(
    user_page: UserPage, enqueue: Enqueue, axe: CheckAccess
) -> None:
    enqueue(queue_name="mail")
    page = user_page({"mail": ["cancel"]})
    page.goto("/queues")
    expect(row(page, "mail")).to_be_visible()
    button = row(page, "mail").get_by_role("button")
    expect(button).to_have_accessible_name("Pause: Needs the permission “pause” on mail")
    button.press("Enter")
    expect(page.locator(".toast p")).to_have_text("Needs the permission “pause” on mail")
    axe(page)


def test_it_keeps_nobody_out(page: Page, enqueue: Enqueue, axe: CheckAccess) -> None:
    enqueue(queue_name="mail")
    page.goto("/queues")
    axe(page)
    page.get_by_role("button", name="Pause queue mail").click()
    axe(page)


def policy_dialog(page: Page, queue: str) -> Locator:
    page.get_by_role("button", name=f"Edit the policy of {queue}").click()
    return page.get_by_role("dialog", name=f"Policy of {queue}")


def test_an_admin_edits_the_policy_of_a_queue(page: Page, enqueue: Enqueue, axe: CheckAccess) -> None:
    enqueue(queue_name="imports")
    page.goto("/queue?name=imports")
    dialog = policy_dialog(page, "imports")
    dialog.get_by_label("Running at most").fill("5")
    rate = dialog.get_by_role("group", name="Starts", exact=True)
    rate.get_by_label("Tasks").fill("100")
    rate.get_by_label("In seconds").fill("60")
    dialog.get_by_label("Order").select_option("fair among keys")
    dialog.get_by_label("Weights").fill("gold = 3\na=b = 0.5")
    breaker = dialog.get_by_role("group", name="Circuit breaker")
    breaker.get_by_label("Share in %").fill("7")
    axe(page)
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The policy of imports is saved.")).to_be_visible()
    policy = page.get_by_role("region", name="Policy")
    expect(policy).to_contain_text("0 / 5")
    expect(policy).to_contain_text("Starts · 100 per 1 min")
    expect(policy).to_contain_text("gold 3, a=b 0.5")
    expect(policy).to_contain_text("Circuit breaker · at 7 % failures of at least 20 attempts in 1 min")
    policy_dialog(page, "imports")
    expect(dialog.get_by_label("Weights")).to_have_value("gold = 3\na=b = 0.5")
    expect(breaker.get_by_label("Share in %")).to_have_value("7")
    dialog.get_by_label("Running at most").fill("")
    rate.get_by_label("Tasks").fill("")
    breaker.get_by_label("Share in %").fill("")
    dialog.get_by_role("button", name="Save").click()
    for gone in ("Starts ·", "/ 5", "Circuit breaker"):
        expect(policy).not_to_contain_text(gone)
    axe(page)


def test_a_refused_policy_keeps_what_was_typed(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 400")
    enqueue(queue_name="reports")
    page.goto("/queue?name=reports")
    dialog = policy_dialog(page, "reports")
    dialog.get_by_label("Running at most").fill("7")
    weights = dialog.get_by_label("Weights")
    weights.fill("gold = many")
    dialog.get_by_role("button", name="Save").click()
    expect(weights).to_be_focused()
    expect(weights).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_label("Running at most")).to_have_value("7")
    axe(page)
    weights.fill("gold = 3")
    # Somebody else is faster.
    body = {"max_running": 4, "order": "fair"}
    admin.patch("/api/v1/queues/reports", json=body).raise_for_status()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Somebody else has changed this meanwhile.")
    expect(dialog.get_by_text("Changed to: 4")).to_be_visible()
    expect(dialog.get_by_label("Order")).to_have_value("fair")
    assert admin.get("/api/v1/queues/reports").json()["policy"]["weights"] is None
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Policy")).to_contain_text("0 / 7")
    expect(page.get_by_role("region", name="Policy")).to_contain_text("fair among keys")
    expect(page.get_by_role("region", name="Policy")).to_contain_text("gold 3")


def test_an_admin_sets_changes_and_removes_the_circuit_breaker_of_a_function(
    page: Page, enqueue: Enqueue, axe: CheckAccess
) -> None:
    enqueue()
    page.goto("/function?name=factorial")
    region = page.get_by_role("region", name="Circuit breaker")
    dialog = page.get_by_role("dialog", name="Circuit breaker of factorial")
    region.get_by_role("button", name="Set the circuit breaker of factorial").click()
    expect(dialog.get_by_label("In a row")).to_have_value("5")
    axe(page)
    dialog.get_by_label("In a row").fill("")
    dialog.get_by_label("Share in %").fill("40")
    dialog.get_by_role("button", name="Save").click()
    expect(region).to_contain_text("It opens when 40 % of 20 or more attempts within 1 min failed.")
    region.get_by_role("button", name="Set the circuit breaker of factorial").click()
    expect(dialog.get_by_label("Share in %")).to_have_value("40")
    dialog.get_by_role("button", name="Cancel").click()
    region.get_by_role("button", name="Remove the circuit breaker of factorial").click()
    page.get_by_role("button", name="Remove", exact=True).last.click()
    expect(region).to_contain_text("These tasks have no circuit breaker.")

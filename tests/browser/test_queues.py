"""Queues, their policies, circuit breakers and named limits in a browser."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import CheckAccess, Enqueue, UserPage
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http


def row(page: Page, queue: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=queue, exact=True))


def test_a_queue_is_paused_with_a_reason_and_goes_on(
    page: Page, user_page: UserPage, enqueue: Enqueue, axe: CheckAccess
) -> None:
    enqueue(queue_name="stopped")
    page.goto("/queues")
    pause = page.get_by_role("button", name="Pause queue stopped")
    dialog = page.get_by_role("dialog", name="Pause stopped")
    pause.click()
    axe(dialog)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(row(page, "stopped")).not_to_contain_text("paused")
    pause.click()
    dialog.get_by_label("Reason").fill("out of <b>stamps</b>")
    dialog.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Queue stopped is paused.")).to_be_visible()
    expect(row(page, "stopped")).to_contain_text("by lapinq: out of <b>stamps</b>")
    resume = page.get_by_role("button", name="Resume queue stopped")
    expect(resume).to_have_text("Resume")
    resume.click()
    expect(page.get_by_text("Queue stopped is resumed.")).to_be_visible()
    expect(pause).to_have_text("Pause")

    # A new queue waits until it is asked for.
    row(page, "stopped").hover()
    enqueue(queue_name="arrived later")
    note = page.get_by_role("button", name="1 new")
    expect(note).to_be_visible()
    expect(row(page, "arrived later")).to_have_count(0)
    note.click()
    expect(row(page, "arrived later")).to_be_visible()

    # Who may only look is told what it takes.
    theirs = user_page({"stopped": ["cancel"]})
    theirs.goto("/queues")
    button = row(theirs, "stopped").get_by_role("button")
    expect(button).to_have_accessible_name("Pause: Needs the permission “pause” on stopped")
    button.press("Enter")
    expect(theirs.locator(".toast p")).to_have_text("Needs the permission “pause” on stopped")
    axe(row(theirs, "stopped"))


def policy_dialog(page: Page, queue: str) -> Locator:
    page.get_by_role("button", name=f"Edit the policy of {queue}").click()
    return page.get_by_role("dialog", name=f"Policy of {queue}")


def test_an_admin_edits_the_policy_of_a_queue(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 400")
    enqueue(queue_name="imports")
    page.goto("/queue?name=imports")
    dialog = policy_dialog(page, "imports")
    most, order, weights = (dialog.get_by_label(label) for label in ("Running at most", "Order", "Weights"))
    rate = dialog.get_by_role("group", name="Starts", exact=True)
    share = dialog.get_by_role("group", name="Circuit breaker").get_by_label("Share in %")
    save = dialog.get_by_role("button", name="Save")
    policy = page.get_by_role("region", name="Policy")
    most.fill("5")
    rate.get_by_label("Tasks").fill("100")
    rate.get_by_label("In seconds").fill("60")
    order.select_option("fair among keys")
    weights.fill("gold = many")
    share.fill("7")
    save.click()
    expect(weights).to_be_focused()
    expect(weights).to_have_attribute("aria-invalid", "true")
    expect(most).to_have_value("5")
    axe(dialog)
    weights.fill("gold = 3\na=b = 0.5")
    save.click()
    expect(page.get_by_text("The policy of imports is saved.")).to_be_visible()
    expect(policy).to_contain_text("0 / 5")
    expect(policy).to_contain_text("Starts · 100 per 1 min")
    expect(policy).to_contain_text("gold 3, a=b 0.5")
    expect(policy).to_contain_text("Circuit breaker · at 7 % failures of at least 20 attempts in 1 min")
    policy_dialog(page, "imports")
    expect(weights).to_have_value("gold = 3\na=b = 0.5")
    expect(share).to_have_value("7")
    for field in (most, rate.get_by_label("Tasks"), share):
        field.fill("")
    save.click()
    for gone in ("Starts ·", "/ 5", "Circuit breaker"):
        expect(policy).not_to_contain_text(gone)
    axe(policy)

    # Somebody else is faster.
    policy_dialog(page, "imports")
    most.fill("7")
    weights.fill("gold = 4")
    body = {"max_running": 4, "order": "priority", "weights": None}
    admin.patch("/api/v1/queues/imports", json=body).raise_for_status()
    save.click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(dialog.get_by_text("Changed to: 4")).to_be_visible()
    expect(order).to_have_value("priority")
    assert admin.get("/api/v1/queues/imports").json()["policy"]["weights"] is None
    order.select_option("fair")
    save.click()
    expect(policy).to_contain_text("0 / 7")
    expect(policy).to_contain_text("fair among keys")
    expect(policy).to_contain_text("gold 4")


@pytest.mark.slow
def test_an_admin_sets_changes_and_removes_the_circuit_breaker_of_a_function(
    page: Page, enqueue: Enqueue, axe: CheckAccess
) -> None:
    enqueue()
    page.goto("/function?name=factorial")
    region = page.get_by_role("region", name="Circuit breaker")
    dialog = page.get_by_role("dialog", name="Circuit breaker of factorial")
    region.get_by_role("button", name="Set the circuit breaker of factorial").click()
    expect(dialog.get_by_label("In a row")).to_have_value("5")
    axe(dialog)
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


def test_an_admin_creates_changes_and_deletes_a_limit(
    page: Page, admin: httpx.Client, axe: CheckAccess, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 400")
    page.goto("/limits")
    page.get_by_role("button", name="New limit").click()
    dialog = page.get_by_role("dialog", name="New limit")
    name, most = dialog.get_by_label("Name"), dialog.get_by_label("Running at most")
    save = dialog.get_by_role("button", name="Save")
    name.fill("openai")
    save.click()
    expect(dialog.get_by_role("alert")).to_contain_text("without both would allow everything")
    axe(dialog)
    rate = dialog.get_by_role("group", name="Units")
    rate.get_by_label("Units", exact=True).fill("90000")
    save.click()
    expect(rate.get_by_label("In seconds")).to_be_focused()
    expect(name).to_have_value("openai")
    rate.get_by_label("In seconds").fill("60")
    save.click()
    expect(page.get_by_text("Limit openai is saved.")).to_be_visible()
    limit = page.get_by_role("row").filter(has_text="openai")
    expect(limit).to_contain_text(re.compile(r"90\s000 in 1 min"))

    page.get_by_role("button", name="New limit").click()
    name.fill("openai")
    most.fill("1")
    save.click()
    expect(dialog.get_by_text("There is one with this name already.")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()

    page.get_by_role("button", name="Edit limit openai").click()
    edited = page.get_by_role("dialog", name="Limit openai")
    expect(edited.get_by_label("Name")).to_be_hidden()
    edited.get_by_label("Running at most").fill("2")
    edited.get_by_role("group").get_by_label("Units", exact=True).fill("")
    edited.get_by_role("button", name="Save").click()
    expect(limit).to_contain_text("0 / 2")
    assert admin.get("/api/v1/limits/openai").json()["rate"] is None

    page.get_by_role("button", name="Delete limit openai").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Limit openai is deleted.")).to_be_visible()
    actions = [entry["action"] for entry in admin.get("/api/v1/audit").json()]
    assert actions[:3] == ["limit.delete", "limit.set", "limit.set"]

"""Queues and their policies in a browser."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import CheckAccess, Enqueue, UserPage
from tests.support.pages.browser_errors import BrowserErrors
from tests.support.sample.gate import Gate

pytestmark = pytest.mark.http

SAMPLE = {"module_path": "tests.support.sample.tasks"}


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
    page.get_by_role("button", name="Resume queue stopped").click()
    question = page.get_by_role("dialog").filter(has_text="“out of <b>stamps</b>” Resume it?")
    question.get_by_role("button", name="Cancel").click()
    expect(row(page, "stopped")).to_contain_text("paused")
    page.get_by_role("button", name="Resume queue stopped").click()
    question.get_by_role("button", name="Resume").click()
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
    rate.get_by_label("At most").fill("100")
    rate.get_by_label("Per … s").fill("60")
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
    expect(policy).to_contain_text("Starts · at most 100 per 1 min")
    policy_dialog(page, "imports")
    expect(weights).to_have_value("gold = 3\na=b = 0.5")
    expect(share).to_have_value("7")
    for field in (most, rate.get_by_label("At most"), share):
        field.fill("")
    save.click()
    for gone in ("Starts ·", "/ 5", "Circuit breaker"):
        expect(policy).not_to_contain_text(gone)

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
    for changed in ("0 / 7", "fair among keys", "gold 4"):
        expect(policy).to_contain_text(changed)


def hold_keys(admin: httpx.Client, enqueue: Enqueue, queue: str, count: int, **last: object) -> None:
    """Keys that a failed task holds, with a task behind it; that of the last one has the fields `last`."""
    admin.patch(f"/api/v1/queues/{queue}", json={"order": "strict_per_key"}).raise_for_status()
    failing = {**SAMPLE, "task_name": "fail", "args": ["away"], "retry_delay": 3600}
    for number in range(count):
        key = {"queue_name": queue, "key": f"device-{number}"}
        enqueue(**failing, **key)
        enqueue(**key, **(last if number == count - 1 else {}))


def test_blocked_keys_are_freed_one_by_one_and_all_that_match(
    page: Page, admin: httpx.Client, enqueue: Enqueue, axe: CheckAccess, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    hold_keys(admin, enqueue, "devices", 12, **SAMPLE, task_name="wait_at", args=[gate.path])
    page.goto("/queue?name=devices")
    table = page.get_by_role("region", name="Blocked keys")
    expect(table.get_by_role("button", name="Start next of")).to_have_count(12)
    expect(table.get_by_text("12 of 12")).to_be_visible()
    last = table.get_by_role("button", name="Start next of device-11")
    last.focus()
    before = page.evaluate("scrollY")
    enqueue(queue_name="devices", key="device-11")
    last.press("Enter")
    # It waits for the next task now, which runs.
    expect(table.get_by_role("button", name="Start next of device-11")).to_have_count(0)
    expect(table.locator("#key-device-11 th a")).to_be_focused()
    assert abs(page.evaluate("scrollY") - before) < 100
    gate.open()
    expect(table.locator("#key-device-11")).to_have_count(0)
    table.get_by_role("link", name="See all").click()
    expect(page.get_by_role("heading", name="Blocked keys of devices")).to_be_visible()
    axe(page)
    page.get_by_label("Beginning of the key").fill("device-1")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("2 blocked keys")).to_be_visible()
    page.get_by_role("button", name="Start next of all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Start the next task of 2 keys?")
    expect(dialog.get_by_role("listitem")).to_have_text(
        [f"device-{number}: fail (ValueError: away), then factorial" for number in (1, 10)]
    )
    axe(dialog)
    dialog.get_by_role("button", name="Start next of all").click()
    expect(page.get_by_text("The next tasks of 2 keys may start.")).to_be_visible()
    expect(page.get_by_text("0 blocked keys")).to_be_visible()
    expect(page.get_by_role("button", name="Start next of all")).to_have_count(0)


def test_the_focus_goes_to_the_heading_of_a_list_that_is_empty_now(
    page: Page, admin: httpx.Client, enqueue: Enqueue
) -> None:
    hold_keys(admin, enqueue, "one-device", 1)
    page.goto("/queue?name=one-device")
    page.get_by_role("button", name="Start next of device-0").press("Enter")
    expect(page.get_by_text("No key is blocked.")).to_be_visible()
    expect(page.get_by_role("heading", name="Blocked keys")).to_be_focused()


def test_save_is_in_sight_in_a_long_policy_and_shows_what_its_order_has(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="short screens")
    for width, height in ((1440, 900), (390, 700)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto("/queue?name=short%20screens")
        dialog = policy_dialog(page, "short screens")
        expect(dialog.get_by_role("button", name="Save")).to_be_in_viewport(ratio=1)
        weights, per_key = dialog.get_by_label("Weights"), dialog.get_by_label("Per key at most")
        expect(weights).to_be_hidden()
        dialog.get_by_label("Order").select_option("strict_per_key")
        expect(per_key).to_be_hidden()
        dialog.get_by_label("Order").select_option("fair")
        expect(weights).to_be_visible()
        expect(per_key).to_be_visible()

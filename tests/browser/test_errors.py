"""Errors in a browser: a group that is resolved, comes back, and is dealt with as a whole."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CheckAccess, Enqueue
from tests.browser.test_tasks import FAILING, confirm, status_of
from tests.support.eventually import eventually

pytestmark = pytest.mark.http


def test_a_group_appears_is_resolved_comes_back_and_is_deleted_whole(
    page: Page, enqueue: Enqueue, admin: httpx.Client
) -> None:
    group, said = page.locator("#errors-list tbody tr"), page.locator(".toast p").last
    page.goto("/errors?queue=whole")
    expect(page.get_by_text("No error matches.")).to_be_visible()
    ids = [enqueue(queue_name="whole", **{**FAILING, "args": [" " * n + "x"]}) for n in (1, 2, 3)]

    def all_failed() -> bool:
        return all(status_of(admin, task_id) == "failed" for task_id in ids)

    eventually(all_failed)
    expect(group).to_have_count(1)
    expect(group.locator(".kind")).to_have_text("JSONDecodeError: Expecting value: line * column * (char *)")

    def act(name: str) -> None:
        group.locator("summary").click()
        group.get_by_role("button", name=name).click()

    act("Resolve")
    expect(said).to_contain_text("Resolved JSONDecodeError")
    page.get_by_role("link", name="Resolved 1").click()
    group.get_by_role("button", name="Requeue: JSONDecodeError").click()
    confirm(page, "Requeue 3 loads tasks in whole?", "Requeue")
    expect(said).to_have_text("Requeued 3 loads tasks in whole.")
    eventually(all_failed)
    page.get_by_role("link", name="Regressed 1").click()
    act("Delete failed tasks")
    confirm(page, "Delete 3 loads tasks in whole?", "Delete failed tasks")
    expect(said).to_have_text("Deleted 3 loads tasks in whole.")
    assert {status_of(admin, task_id) for task_id in ids} == {"gone"}
    act("Mute for good…")
    page.get_by_label("Reason").fill("known")
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(page.get_by_role("link", name="Muted 1")).to_be_visible()


def test_several_are_requeued_merged_and_split(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess
) -> None:
    rows, said, bar = (
        page.locator("#errors-list tbody tr:not(.gone)"),
        page.locator(".toast p").last,
        page.locator("#selection"),
    )
    ids = [enqueue(queue_name="several", **{**FAILING, "args": [value]}) for value in ("x", None)]

    def all_failed() -> bool:
        return all(status_of(admin, task_id) == "failed" for task_id in ids)

    eventually(all_failed)
    page.goto("/errors?queue=several")
    expect(rows).to_have_count(2)
    page.get_by_label("Select all errors on this page").check()
    axe(page)
    bar.get_by_role("button", name="Requeue").click()
    confirm(page, "Requeue 2 loads tasks in several?", "Requeue")
    expect(said).to_have_text("Requeued 2 loads tasks in several.")
    eventually(all_failed)
    bar.get_by_role("button", name="Merge").click()
    page.locator("#ask").get_by_role("button", name="Merge").click()
    expect(said).to_have_text("Merged 1 error into the one selected first.")
    expect(rows).to_have_count(1)
    rows.locator(".kind").click()
    expect(page.get_by_text("Its newest 2 failed tasks")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Split").click()
    expect(said).to_contain_text("Split")
    page.goto("/errors?queue=several")
    expect(rows).to_have_count(2)
    page.get_by_role("link", name="By type").click()
    expect(page.get_by_role("link", name="JSONDecodeError")).to_be_visible()
    axe(page)

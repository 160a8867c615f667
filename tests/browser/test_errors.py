"""Errors in a browser: a group that is resolved, comes back, and is dealt with as a whole."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CheckAccess, Enqueue
from tests.browser.test_tasks import FAILING, confirm, status_of
from tests.support.eventually import eventually

pytestmark = pytest.mark.http


def failed(enqueue: Enqueue, admin: httpx.Client, queue: str, count: int) -> list[str]:
    """The ids of tasks that failed, all but for a number in the same way."""
    ids = [
        enqueue(queue_name=queue, **{**FAILING, "args": [" " * number + "x"]})
        for number in range(1, count + 1)
    ]
    eventually(lambda: all(status_of(admin, task_id) == "failed" for task_id in ids))
    return ids


def test_a_group_appears_is_resolved_comes_back_and_is_requeued_and_deleted_whole(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess
) -> None:
    group, said = page.locator("#errors-list tbody tr"), page.locator(".toast p").last
    page.goto("/errors?queue=whole")
    expect(page.get_by_text("No error matches.")).to_be_visible()
    ids = failed(enqueue, admin, "whole", 3)
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
    # They fail once more, in the same way.
    eventually(lambda: all(status_of(admin, task_id) == "failed" for task_id in ids))
    page.get_by_role("link", name="Regressed 1").click()
    expect(group.locator(".status")).to_have_text("regressed")
    axe(group)
    act("Delete failed tasks")
    confirm(page, "Delete 3 loads tasks in whole?", "Delete failed tasks")
    expect(said).to_have_text("Deleted 3 loads tasks in whole.")
    assert {status_of(admin, task_id) for task_id in ids} == {"gone"}
    group.locator("a.kind").click()
    expect(page.get_by_text("Its task is no longer stored.")).to_be_visible()
    page.locator("summary").click()
    page.get_by_role("button", name="Mute for good…").click()
    page.get_by_label("Reason").fill("known")
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(page.locator("#error-head .lead")).to_contain_text("muted by lapinq: known")

"""The page of failed tasks in a browser: from a group to its tasks, and back to work."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Enqueue
from tests.browser.test_tasks import FAILING, confirm, rows, status_of
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


def test_a_group_leads_to_its_tasks_and_to_the_newest(
    page: Page, enqueue: Enqueue, admin: httpx.Client
) -> None:
    ids = failed(enqueue, admin, "leading", 3)
    page.goto("/failed?queue=leading")
    group = page.locator("#failed-groups tbody tr")
    expect(group).to_have_count(1)
    expect(group.locator(".size")).to_have_text("3")
    expect(group.locator(".kind")).to_have_text("JSONDecodeError: Expecting value: line * column * (char *)")
    group.get_by_role("link", name="Show tasks").click()
    expect(page.locator("h1")).to_have_text("Tasks")
    expect(rows(page)).to_have_count(3)
    page.go_back()
    group.get_by_role("link", name="Newest").click()
    expect(page).to_have_url(re.compile(rf"/tasks/{ids[-1]}$"))


def test_a_group_is_requeued_and_deleted_whole(page: Page, enqueue: Enqueue, admin: httpx.Client) -> None:
    ids = failed(enqueue, admin, "whole", 3)
    page.goto("/failed?queue=whole")
    group = page.locator("#failed-groups tbody tr")
    group.get_by_role("button", name="Requeue 3").click()
    confirm(page, "Requeue 3 loads tasks in whole?", "Requeue 3")
    expect(page.locator(".toast p").last).to_have_text("Requeued 3 loads tasks in whole.")
    # They fail once more, in the same way.
    eventually(lambda: all(status_of(admin, task_id) == "failed" for task_id in ids))
    group.get_by_role("button", name="Delete 3").click()
    confirm(page, "Delete 3 loads tasks in whole?", "Delete 3")
    expect(page.locator(".toast p").last).to_have_text("Deleted 3 loads tasks in whole.")
    page.locator("h1").hover()
    expect(page.get_by_text("No failed task matches.")).to_be_visible()
    assert {status_of(admin, task_id) for task_id in ids} == {"gone"}


def test_what_fails_is_shown_without_a_reload(page: Page, enqueue: Enqueue, admin: httpx.Client) -> None:
    page.goto("/failed?queue=arriving")
    expect(page.get_by_text("No failed task matches.")).to_be_visible()
    failed(enqueue, admin, "arriving", 1)
    expect(page.locator("#failed-groups .size")).to_have_text("1")

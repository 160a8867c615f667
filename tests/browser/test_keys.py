"""One customer in a browser: all but them, their page, and yesterday in the viewer's zone."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import CheckAccess, Enqueue, NewContext, logged_in
from tests.browser.test_tasks import do_to_all, enter, row
from tests.support.pages.browser_errors import BrowserErrors
from tests.support.programs.processes import ApiProcess

pytestmark = pytest.mark.http


def test_all_but_one_customer_are_changed_after_every_filter_is_read_back(
    new_context: NewContext,
    server: ApiProcess,
    admin: httpx.Client,
    enqueue: Enqueue,
    axe: CheckAccess,
    browser_errors: BrowserErrors,
) -> None:
    assert admin.post("/api/v1/queues/customers/pause").is_success
    for key in ("acme-1", "acme-2"):
        enqueue(queue_name="customers", key=key)
    other = enqueue(queue_name="customers", key="zoo")
    window = logged_in(new_context(timezone_id="Asia/Tokyo"), server, "lapinq", "lapinq")
    page = window.new_page()
    page.goto("/tasks")
    enter(page, "queue:customers status:pending -key:acme* since:yesterday")
    expect(page).to_have_url(re.compile(r"zone=Asia%2FTokyo"))
    expect(row(page, other)).to_be_visible()
    expect(page.locator("#tasks-table tbody tr")).to_have_count(1)
    expect(page.get_by_role("list", name="Active filters")).to_contain_text("yesterday (Asia/Tokyo)")
    do_to_all(page, "Cancel pending")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Cancel 1 task in customers?")
    told = dialog.get_by_role("listitem")
    expect(told).to_have_text(
        [
            "queue: customers",
            re.compile(r"^enqueued since .* 00:00:00 \(Asia/Tokyo\)$"),
            "not of the keys: acme*",
            "status: pending",
        ]
    )
    axe(dialog)
    dialog.get_by_role("button", name="Cancel pending").click()
    expect(page.locator(".toast p").last).to_have_text("Cancelled 1 task in customers.")
    # Of the others, the word finds the keys; each has a page.
    enter(page, "acme")
    page.get_by_role("link", name="acme-2", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Key acme-2")
    expect(
        page.get_by_role("region", name="Next to start").get_by_role("link", name="factorial")
    ).to_have_count(1)

"""Steering workers in a browser."""

from collections.abc import Generator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CheckAccess, Enqueue
from tests.support.programs.processes import ApiProcess

pytestmark = pytest.mark.http


@pytest.fixture(scope="module")
def server(server_database: str) -> Generator[ApiProcess]:
    """Its worker learns with each heartbeat what it is told."""
    with ApiProcess(server_database, "--worker", env={"LAPINQ_HEARTBEAT_INTERVAL": "1"}) as api:
        yield api


def test_a_worker_is_quieted_and_resumed_and_goes_on(page: Page, enqueue: Enqueue, axe: CheckAccess) -> None:
    page.goto("/workers")
    row = page.locator("[id^=worker-]")
    expect(row).to_have_count(1)
    row.get_by_role("button", name="it claims no new tasks").click()
    expect(page.locator(".toast p").last).to_contain_text("claims no new tasks")
    expect(row.locator(".status")).to_have_text("quiet")
    axe(page)
    task = enqueue(task_name="gcd", args=[12, 18])
    row.get_by_role("button", name="it claims tasks again").click()
    expect(row.locator(".status")).to_have_text("alive")
    page.wait_for_function(
        "id => fetch(`api/v1/tasks/${id}`).then((answer) => answer.json())"
        ".then((task) => task.status === 'completed')",
        arg=task,
    )


def test_a_stop_is_asked_about_before(page: Page) -> None:
    page.goto("/workers")
    page.locator("[id^=worker-]").get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("releases the rest and exits")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("[id^=worker-] .status")).to_have_text("alive")

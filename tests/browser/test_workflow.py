"""The graph of a workflow: it is moved, enlarged and walked through, while it stays live."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CheckAccess, UserPage
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http

JOB = {"task_name": "loads", "module_path": "json", "args": ["1"], "scheduled_at": "2100-01-01T00:00:00Z"}
CHAIN = [f"step-{number}" for number in range(12)]


def test_the_graph_is_dragged_enlarged_and_walked_through(page: Page, admin: httpx.Client) -> None:
    tasks = [{"ref": ref, "after": CHAIN[number - 1 : number], **JOB} for number, ref in enumerate(CHAIN)]
    stored = admin.post("/api/v1/workflows", json={"name": "chain", "tasks": tasks}).json()
    address = f"/workflows/{stored['workflow_id']}"
    page.goto(address)
    graph = page.locator("[data-graph]")
    box = page.get_by_role("link", name="step-3: blocked")
    place = box.bounding_box()
    assert place is not None
    x, y = place["x"] + 50, place["y"] + 20
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 300, y, steps=4)
    page.mouse.up()
    assert page.url.endswith(address)
    assert graph.evaluate("(one) => one.scrollLeft") == 300

    page.get_by_role("button", name="Fit").click()
    assert graph.evaluate("(one) => one.scrollWidth <= one.clientWidth + 1")
    admin.delete(f"/api/v1/tasks/{stored['task_ids']['step-0']}")
    expect(page.get_by_role("link", name="step-11: cancelled")).to_be_visible()
    assert graph.evaluate("(one) => one.scrollWidth <= one.clientWidth + 1")

    page.get_by_role("link", name="step-0: cancelled").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("link", name="step-1: cancelled")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/tasks/{stored['task_ids']['step-1']}")


def test_several_are_cancelled_at_once_and_who_may_not_is_told_why(
    user_page: UserPage, admin: httpx.Client, axe: CheckAccess, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 403")

    def store(*queues: str) -> str:
        tasks = [{"ref": queue, "queue_name": queue, **JOB} for queue in queues]
        stored = admin.post("/api/v1/workflows", json={"name": "several", "tasks": tasks})
        return stored.json()["workflow_id"]

    ids = [store("one"), store("one"), store("one", "other")]
    page = user_page({"one": ["cancel"]})
    page.goto("/workflows?name=several")
    bar = page.get_by_role("region", name="Selected workflows")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(bar).to_contain_text("1 selected")
    page.get_by_role("checkbox", name="Select all workflows on this page").check()
    expect(bar).to_contain_text("3 selected")
    axe(page)
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Cancel 3 workflows several? Pending tasks are cancelled")
    dialog.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text("Cancelled 2 workflows several.")).to_be_visible()
    expect(page.get_by_text("1 refused: ")).to_be_visible()
    expect(bar).to_contain_text("1 selected")
    statuses = [admin.get(f"/api/v1/workflows/{one}?tasks=false").json()["status"] for one in ids]
    assert statuses == ["cancelled", "cancelled", "running"]

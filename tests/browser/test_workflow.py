"""The graph of a workflow: it is moved, enlarged and walked through, while it stays live."""

import httpx
import pytest
from playwright.sync_api import Page, expect

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

"""The pages by keyboard alone."""

import re

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import CheckAccess, Enqueue

pytestmark = pytest.mark.http

LATER = {"scheduled_at": "2100-01-01T00:00:00Z"}
FOCUSED_ROW = """() => [...document.querySelectorAll("main tbody tr[id]")]
    .findIndex((row) => row.contains(document.activeElement))"""
"""The place of the row with the focus."""
WITHOUT_ROWS = """document.addEventListener("readystatechange", () => {
    if (document.readyState !== "interactive") return;
    for (const row of document.querySelectorAll("tbody tr[id]")) row.remove();
})"""
"""A page as it is before its scripts run, where the database found nothing in time."""
WITHOUT_OUTLINE = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")]
    .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility())
    .filter((one) => { one.focus(); return getComputedStyle(one).outlineStyle === "none"; })
    .map((one) => one.outerHTML.slice(0, 160))"""
"""What Tab reaches without showing it."""


def test_the_keys_are_shown_skip_to_the_content_and_go_to_pages_and_rows(
    page: Page, enqueue: Enqueue, axe: CheckAccess
) -> None:
    enqueue(queue_name="walked", **LATER)
    dialog, opener = (page.get_by_role(role, name="Keyboard") for role in ("dialog", "button"))
    page.goto("/")
    page.keyboard.press("t")  # without g it goes nowhere, also right after the page has come
    skip = page.get_by_role("link", name="Skip to content")
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    assert (skip.bounding_box() or {"width": 0})["width"] > 50
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(WITHOUT_OUTLINE) == []

    page.keyboard.press("?")
    expect(dialog.get_by_text("Go to tasks")).to_be_visible()
    axe(dialog)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    opener.press("Enter")
    dialog.get_by_role("button", name="Close").press("Enter")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()

    for letter, path in (
        ("t", "/tasks"),
        ("q", "/queues"),
        ("o", "/"),
        ("w", "/workers"),
        ("u", "/admin/users"),
    ):
        page.keyboard.press("g")
        page.keyboard.press(letter)
        page.wait_for_url(re.compile(rf":\d+{path}$"))  # until its scripts have run
        expect(page.locator("main tbody tr[id]").first).to_be_visible()
        page.keyboard.press("j")
        assert page.evaluate(FOCUSED_ROW) == 0, path
        page.keyboard.press("j")
        page.keyboard.press("k")
        assert page.evaluate(FOCUSED_ROW) == 0, path
    page.get_by_text("New user", exact=True).click()
    field = page.get_by_label("Username")
    field.focus()
    page.keyboard.type("g?t")
    expect(field).to_have_value("g?t")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/admin/users$"))


def test_the_palette_finds_pages_commands_and_names(page: Page, enqueue: Enqueue, axe: CheckAccess) -> None:
    task_id = enqueue(queue_name="jumped", **LATER)
    chosen = page.locator("#palette [aria-selected=true]")
    page.goto("/workers")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Id, key, name, page or command")
    expect(field).to_be_focused()
    expect(page.get_by_role("option", name="Page Webhooks")).to_be_visible()
    axe(page.locator("#palette"))
    page.keyboard.type(task_id[:13])
    expect(chosen).to_have_text(re.compile(rf"factorial {task_id[:18]} jumped pending (now|\d+ s ago)"))
    page.keyboard.press("ArrowUp")
    expect(chosen).to_contain_text("Search tasks for")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/tasks/{task_id}$"))
    page.get_by_role("link", name="Search or go to").click()
    # Until the server answers, it shows the pages and commands that match.
    unanswered: list[Route] = []
    page.route("**/search?*", lambda route: unanswered.append(route))
    field.fill("webh")
    expect(page.get_by_role("option")).to_have_text(["Page Webhooks", "Task Search tasks for “webh”"])
    for route in unanswered:
        route.continue_()
    page.unroute("**/search?*")  # which lets go what is held, and then it can't be let go again
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/webhooks$"))
    page.keyboard.press("Control+k")
    page.keyboard.type("pause jumped")
    expect(chosen).to_have_text("Command Pause queue jumped…")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/queue\?name=jumped$"))
    page.get_by_role("dialog", name="Pause jumped").get_by_label("Reason").fill("too fast")
    page.keyboard.press("Enter")
    expect(page.locator("#queue-head")).to_contain_text("too fast")


@pytest.mark.slow
def test_the_focus_returns_to_the_row_from_the_search_back_and_an_action(
    page: Page, enqueue: Enqueue, admin: httpx.Client
) -> None:
    ids = [enqueue(queue_name="focused", **LATER) for _ in range(3)][::-1]
    links = [page.locator(f"#task-{task_id} a").first for task_id in ids]
    dialog = page.get_by_role("dialog")
    page.goto("/tasks?queue=focused")
    expect(page.locator("#tasks-table tbody tr")).to_have_count(3)
    page.keyboard.press("j")
    expect(links[0]).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search tasks")).to_be_focused()
    page.keyboard.press("Escape")
    expect(links[0]).to_be_focused()

    # A letter acts on the row.
    page.keyboard.press("d")
    expect(dialog).to_contain_text("Delete 1 factorial task in focused?")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(links[0]).to_be_focused()
    page.keyboard.press("c")
    dialog.get_by_role("button", name="Cancel", exact=True).press("Enter")
    said = page.locator(".toast p").last
    expect(said).to_have_text("Cancelled 1 factorial task in focused.")
    expect(links[0]).to_be_focused()
    expect(page.locator(f"#task-{ids[0]} .status")).to_have_text("cancelled")
    page.keyboard.press("r")
    expect(said).to_have_text("This is not possible with what is selected.")
    assert admin.get(f"/api/v1/tasks/{ids[0]}").json()["status"] == "cancelled"

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/tasks/{ids[1]}$"))
    # Also to a row that the list gets later.
    page.add_init_script(WITHOUT_ROWS)
    page.go_back()
    expect(links[1]).to_be_focused()

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


def test_a_question_mark_shows_the_keys_and_escape_closes_them(page: Page) -> None:
    page.goto("/")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_hidden()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_text("Go to tasks")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_button_shows_the_keys_too_and_gets_the_focus_back(page: Page) -> None:
    page.goto("/")
    opener = page.get_by_role("button", name="Keyboard")
    opener.press("Enter")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").press("Enter")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_g_and_a_letter_goes_to_a_page(page: Page) -> None:
    page.goto("/account")
    for letter, path in (("o", "/"), ("t", "/tasks"), ("u", "/admin/users"), ("a", "/account")):
        page.keyboard.press("g")
        page.keyboard.press(letter)
        page.wait_for_url(re.compile(rf":\d+{path}$"))  # until its scripts have run


def test_every_list_is_walked_through_by_j_and_k(page: Page, enqueue: Enqueue) -> None:
    for _ in range(2):
        enqueue(queue_name="walked", webhook_url="https://nowhere.invalid/", **LATER)
    for path in ("/", "/tasks", "/queues", "/workers", "/admin/users", "/admin/audit", "/account"):
        page.goto(path)
        expect(page.locator("main tbody tr[id]").first).to_be_visible()
        page.keyboard.press("j")
        assert page.evaluate(FOCUSED_ROW) == 0, path
        page.keyboard.press("j")
        page.keyboard.press("k")
        assert page.evaluate(FOCUSED_ROW) == 0, path
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
        page.keyboard.press("Escape")
        assert page.evaluate(FOCUSED_ROW) == 0, path


def test_the_palette_finds_pages_commands_and_names(page: Page, enqueue: Enqueue, axe: CheckAccess) -> None:
    task_id = enqueue(queue_name="jumped", **LATER)
    chosen = page.locator("#palette [aria-selected=true]")
    page.goto("/workers")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Id, name, page or command")
    expect(field).to_be_focused()
    expect(page.get_by_role("option", name="Page Webhooks")).to_be_visible()
    axe(page)
    page.keyboard.type(task_id[:13])
    expect(chosen).to_contain_text("factorial")
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
    expect(page).to_have_url(re.compile(r"/webhooks$"))


def test_escape_in_the_search_leads_back_to_the_row(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="escaped", **LATER)
    page.goto("/tasks?queue=escaped")
    row = page.locator("#tasks-table tbody a").first
    expect(row).to_be_visible()  # a busy database may find it a moment later
    page.keyboard.press("j")
    expect(row).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search tasks")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row).to_be_focused()


def test_back_leads_to_the_row_that_was_opened(page: Page, enqueue: Enqueue) -> None:
    ids = [enqueue(queue_name="opened", **LATER) for _ in range(3)]
    page.goto("/tasks?queue=opened")
    expect(page.locator("#tasks-table tbody tr")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/tasks/{ids[1]}$"))
    page.go_back()
    expect(page.locator(f"#task-{ids[1]} a").first).to_be_focused()


def test_back_leads_to_a_row_that_the_list_gets_later(page: Page, enqueue: Enqueue) -> None:
    ids = [enqueue(queue_name="found", **LATER) for _ in range(2)]
    page.goto("/tasks?queue=found")
    link = page.locator(f"#task-{ids[0]} a").first
    link.click()
    expect(page).to_have_url(re.compile(rf"/tasks/{ids[0]}$"))
    page.add_init_script(WITHOUT_ROWS)
    page.go_back()
    expect(link).to_be_focused()


def test_a_letter_acts_on_the_row_and_the_focus_stays_there(
    page: Page, enqueue: Enqueue, admin: httpx.Client
) -> None:
    ids = [enqueue(queue_name="lettered", **LATER) for _ in range(2)]
    page.goto("/tasks?queue=lettered")
    expect(page.locator("#tasks-table tbody tr")).to_have_count(2)
    dialog = page.get_by_role("dialog")
    page.keyboard.press("j")
    page.keyboard.press("d")
    expect(dialog).to_contain_text("Delete 1 factorial task in lettered?")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    link = page.locator(f"#task-{ids[1]} a").first
    expect(link).to_be_focused()
    expect(page.locator("input[data-select]:checked")).to_have_count(0)
    page.keyboard.press("c")
    dialog.get_by_role("button", name="Cancel", exact=True).press("Enter")
    expect(page.locator(".toast p").last).to_have_text("Cancelled 1 factorial task in lettered.")
    expect(link).to_be_focused()
    expect(page.locator(f"#task-{ids[1]} .status")).to_have_text("cancelled")
    page.keyboard.press("r")
    expect(page.locator(".toast p").last).to_have_text("This is not possible with these tasks.")
    assert admin.get(f"/api/v1/tasks/{ids[1]}").json()["status"] == "cancelled"


def test_keys_in_a_field_are_text(page: Page) -> None:
    page.goto("/admin/users")
    page.get_by_text("New user", exact=True).click()
    field = page.get_by_label("Username")
    field.focus()
    page.keyboard.type("g?t")
    expect(field).to_have_value("g?t")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/admin/users$"))


def test_the_first_tab_offers_to_skip_to_the_content(page: Page) -> None:
    page.goto("/")
    skip = page.get_by_role("link", name="Skip to content")
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    assert (skip.bounding_box() or {"width": 0})["width"] > 50
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_what_has_the_focus_shows_it(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="outlined", **LATER)  # while it runs, its queue is also named among the running
    page.goto("/")
    expect(page.get_by_role("link", name="outlined")).to_be_visible()
    seen = set[str]()
    for _ in range(100):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "(() => { const at = document.activeElement;"
            " return [at.outerHTML.slice(0, 80), getComputedStyle(at).outlineStyle]; })()"
        )
        if name.startswith("<body") or name in seen:
            break
        seen.add(name)
        assert outline != "none", name
    assert any("outlined" in name for name in seen)

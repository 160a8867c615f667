"""The list of tasks in a browser: searching, staying in place, selecting, and doing something to many."""

import re

import httpx
import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import CheckAccess, Enqueue, UserPage
from tests.support.eventually import eventually
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http

FAILING = {"task_name": "loads", "module_path": "json", "args": ["no JSON"], "max_retries": 0}
LATER = {"scheduled_at": "2100-01-01T00:00:00Z"}


def rows(page: Page) -> Locator:
    return page.locator("#tasks-table tbody tr")


def row(page: Page, task_id: str) -> Locator:
    return page.locator(f"#task-{task_id}")


def box(page: Page, task_id: str) -> Locator:
    return row(page, task_id).get_by_role("checkbox")


def bar_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Selection")


def status_of(admin: httpx.Client, task_id: str) -> str:
    answer = admin.get(f"/api/v1/tasks/{task_id}")
    return answer.json()["status"] if answer.status_code == 200 else "gone"


def enter(page: Page, words: str) -> None:
    search = page.get_by_role("searchbox", name="Search tasks")
    search.fill(words)
    search.press("Enter")


def confirm(page: Page, question: str, button: str) -> None:
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(question)
    dialog.get_by_role("button", name=button).click()
    expect(dialog).to_be_hidden()


def do_to_all(page: Page, button: str) -> None:
    page.get_by_text("All matching tasks").click()
    page.get_by_role("button", name=button).click()


def expect_told(page: Page, words: str) -> None:
    expect(page.locator(".toast p").last).to_have_text(words)


def test_a_search_is_typed_or_chosen_stands_in_the_address_and_is_shared(
    page: Page, user_page: UserPage, enqueue: Enqueue, axe: CheckAccess, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 400")
    wanted, other = enqueue(queue_name="search a", **LATER), enqueue(queue_name="search b", **LATER)
    search = page.get_by_role("searchbox", name="Search tasks")
    page.goto("/tasks")
    expect(row(page, other)).to_be_visible()
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type('queue:"search a" fact')
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/tasks\?queue=search\+a&task_name=fact$"))
    expect(row(page, wanted)).to_be_visible()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="Remove the filter queue search a").click()
    expect(row(page, other)).to_be_visible()
    expect(search).to_have_value("fact")
    page.go_back()
    expect(rows(page)).to_have_count(1)
    expect(search).to_have_value('queue:"search a" fact')

    enter(page, "colour:red")
    expect(page.get_by_role("alert")).to_contain_text('"colour"')
    expect(search).to_have_value("colour:red")
    axe(page.get_by_role("alert"))

    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Queue", exact=True).fill("search b")
    page.get_by_label("State", exact=True).select_option("scheduled")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile(r"/tasks\?queue=search\+b&state=scheduled$"))
    menu = page.locator("details.menu", has_text="Views")
    menu.locator("summary").click()
    menu.get_by_label("Save this search and its columns as").fill("Later")
    menu.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The view is saved.")).to_be_visible()
    menu.locator("summary").click()
    expect(menu.get_by_role("link", name="Later")).to_have_attribute("aria-current", "true")
    axe(menu)
    menu.get_by_role("button", name="Share Later with all users").click()
    expect(page.get_by_text("Later is shared with all users.")).to_be_visible()
    theirs = user_page()
    theirs.goto("/tasks")
    menu = theirs.locator("details.menu", has_text="Views")
    menu.locator("summary").click()
    expect(menu.get_by_role("button", name="Delete")).to_have_count(0)
    menu.get_by_role("link", name="Later").click()
    expect(theirs).to_have_url(re.compile(r"/tasks\?queue=search\+b&state=scheduled$"))
    expect(rows(theirs)).to_have_count(1)
    expect(row(theirs, other)).to_contain_text("scheduled")


@pytest.mark.slow
def test_under_its_readers_eyes_rows_stay_where_they_are(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess
) -> None:
    kept, gone = enqueue(queue_name="calm", **LATER), enqueue(queue_name="calm", **LATER)
    offer = page.get_by_role("button", name="1 new")
    page.goto("/tasks?queue=calm&status=pending")
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(rows(page)).to_have_count(2)
    box(page, kept).check()
    before = row(page, kept).bounding_box()
    new = enqueue(queue_name="calm", **LATER)
    expect(offer).to_be_visible()
    admin.delete(f"/api/v1/tasks/{gone}")
    expect(row(page, gone)).to_have_attribute("aria-disabled", "true")
    expect(box(page, gone)).to_be_disabled()
    expect(row(page, new)).to_have_count(0)
    assert row(page, kept).bounding_box() == before
    axe(row(page, gone))
    offer.click()
    expect(row(page, new)).to_be_visible()
    expect(row(page, gone)).to_have_count(0)
    expect(offer).to_be_hidden()
    # The selection outlasts what arrived.
    expect(box(page, kept)).to_be_checked()
    expect(box(page, new)).not_to_be_checked()
    expect(bar_of(page)).to_contain_text("1 selected")

    # A frozen list holds.
    page.keyboard.press("p")
    later = enqueue(queue_name="calm", **LATER)
    other = page.context.new_page()
    other.goto("/tasks?queue=calm&status=pending")
    expect(row(other, later)).to_be_visible()
    expect(offer).to_be_hidden()
    page.keyboard.press("p")
    offer.click()
    expect(row(page, later)).to_be_visible()


def test_rows_are_selected_and_what_they_allow_is_done_after_a_question(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess
) -> None:
    failed = [enqueue(queue_name="chosen", **FAILING) for _ in range(2)]
    ids = [enqueue(queue_name="chosen", **LATER) for _ in range(5)][::-1]
    eventually(lambda: all(status_of(admin, task_id) == "failed" for task_id in failed))
    page.goto("/tasks?queue=chosen")
    bar = bar_of(page)
    box(page, ids[0]).click()
    box(page, ids[2]).click(modifiers=["Shift"])
    expect(bar).to_contain_text("3 selected")
    row(page, ids[4]).get_by_role("link").first.focus()
    page.keyboard.press("x")
    expect(bar).to_contain_text("4 selected")
    page.keyboard.press("x")
    expect(bar).to_contain_text("3 selected")
    axe(bar)
    expect(bar.get_by_role("button", name="Requeue")).to_be_disabled()
    bar.get_by_role("button", name="Cancel").click()
    confirm(page, "Cancel 3 factorial tasks in chosen?", "Go back")
    assert status_of(admin, ids[0]) == "pending"
    bar.get_by_role("button", name="Cancel").click()
    confirm(page, "Cancel 3 factorial tasks in chosen?", "Cancel")
    expect_told(page, "Cancelled 3 factorial tasks in chosen.")
    expect(bar).to_be_hidden()
    assert [status_of(admin, task_id) for task_id in ids] == ["cancelled"] * 3 + ["pending"] * 2
    page.locator("h1").hover()
    expect(row(page, ids[0]).locator(".status")).to_have_text("cancelled")

    everything = page.get_by_role("checkbox", name="Select all on this page")
    everything.check()
    expect(bar).to_contain_text("7 selected")
    bar.get_by_role("button", name="Deselect").click()
    expect(bar).to_be_hidden()
    assert not page.locator("input[data-select]:checked").count()
    for task_id in (*failed, ids[4]):
        box(page, task_id).check()
    bar.get_by_role("button", name="Requeue 2").click()
    confirm(page, "Requeue 2 loads tasks in chosen?", "Requeue")
    expect_told(page, "Requeued 2 loads tasks in chosen.")
    expect(bar).to_contain_text("1 selected")
    bar.get_by_role("button", name="Run now").click()
    confirm(page, "Run 1 factorial task in chosen now?", "Run now")
    expect_told(page, "1 factorial task in chosen can start now.")
    ended = {**dict.fromkeys(failed, "failed"), ids[4]: "completed"}
    eventually(lambda: {task_id: status_of(admin, task_id) for task_id in ended} == ended)
    page.reload()
    everything.check()
    bar.get_by_role("button", name="Delete").click()
    confirm(page, "Delete 7 tasks in chosen?", "Delete")
    expect_told(page, "Deleted 7 tasks in chosen.")
    assert {status_of(admin, task_id) for task_id in (*failed, *ids)} == {"gone"}


def test_a_row_that_leaves_the_list_leaves_the_selection(
    page: Page, enqueue: Enqueue, admin: httpx.Client
) -> None:
    kept, gone = enqueue(queue_name="follow", **LATER), enqueue(queue_name="follow", **LATER)
    page.goto("/tasks?queue=follow")
    for task_id in (kept, gone):
        box(page, task_id).check()
    bar = bar_of(page)
    expect(bar).to_contain_text("2 selected")
    assert admin.delete("/api/v1/tasks", params={"id": gone}).json()["deleted"] == 1
    expect(bar).to_contain_text("1 selected 1 left the list and is no longer selected")
    bar.get_by_role("button", name="Cancel").click()
    confirm(page, "Cancel 1 factorial task in follow?", "Cancel")
    expect_told(page, "Cancelled 1 factorial task in follow.")
    expect(bar).to_be_hidden()


def test_a_page_that_was_left_finds_its_bulk_action_again(
    page: Page, enqueue: Enqueue, server_database: str, axe: CheckAccess
) -> None:
    task_id = enqueue(queue_name="held", **LATER)
    note = page.get_by_role("region", name="Bulk actions that run")
    with psycopg.connect(server_database) as conn:
        conn.execute("SELECT FROM lapinq_delayed WHERE id = %s FOR UPDATE", (task_id,))
        page.goto("/tasks?queue=held&status=pending")
        do_to_all(page, "Cancel pending")
        confirm(page, "Cancel 1 task in held?", "Cancel pending")
        expect(note).to_contain_text("Cancel queue: held status: pending")
        page.goto("/tasks")
        expect(note).to_contain_text("0 of 1")
        axe(note)
        note.get_by_role("button", name="Stop").click()
        confirm(page, "Stop this bulk action?", "Stop")
        expect_told(page, "The bulk action is stopped.")
        expect(note).to_have_count(0)
    page.goto("/bulk-actions")
    expect(page.locator(".bulk-list tbody tr").first).to_contain_text("stopped")


def test_all_that_match_are_counted_before_anything_is_done_to_them(
    own_page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess
) -> None:
    page, dialog = own_page, own_page.get_by_role("dialog")
    failed = enqueue(queue_name="many", **FAILING)
    task = {"module_path": "math", "task_name": "factorial", "queue_name": "many", **LATER}
    batch = [{**task, "args": [f"{number}%"]} for number in range(101)]
    assert admin.post("/api/v1/enqueue/batch", json=batch).status_code == 201
    eventually(lambda: status_of(admin, failed) == "failed")
    page.goto("/tasks?queue=many&status=failed&name=loads")
    do_to_all(page, "Requeue failed")
    confirm(page, "Requeue 1 loads task in many?", "Requeue failed")
    expect_told(page, "Requeued 1 loads task in many.")
    page.get_by_role("link", name="Follow", exact=True).click()
    expect(page).to_have_url(re.compile(r"/tasks\?queue=many&name=loads$"))

    other = enqueue(queue_name="many", args=["4 %"], **LATER)
    enter(page, 'queue:many args:"4%" since:1h')
    expect(rows(page)).to_have_count(10)
    do_to_all(page, "Requeue failed")
    expect_told(page, "Nothing was requeued: no matching task has failed.")
    expect(dialog).to_be_hidden()
    do_to_all(page, "Cancel pending")
    confirm(page, "Cancel 10 tasks in many?", "Go back")
    enter(page, r'queue:many args:"4 %\"" since:1h task:fact')
    do_to_all(page, "Delete all")
    confirm(page, "Delete 1 task in many? This cannot be undone.", "Delete all")
    expect_told(page, "Deleted 1 task in many.")
    assert status_of(admin, other) == "gone"

    # Very many of all queues take their number.
    page.goto("/tasks")
    do_to_all(page, "Delete all")
    expect(dialog).to_contain_text("tasks of all queues? This cannot be undone.")
    button, field = dialog.get_by_role("button", name="Delete all"), dialog.get_by_role("textbox")
    expect(field).to_be_focused()
    axe(dialog)
    number = re.search(r"Type ([\d,]+) to", dialog.text_content() or "")
    assert number is not None
    field.fill("100")
    field.press("Enter")
    expect(button).to_be_disabled()
    field.fill(number[1])
    expect(button).to_be_enabled()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()

    # The period moves along with the clock.
    task_id = enqueue(queue_name="period", **LATER)
    page.clock.install()
    for period, is_found in (("since=1h", False), ("until=1h", True)):
        page.goto(f"/tasks?queue=period&{period}")
        page.clock.fast_forward("02:00:00")
        do_to_all(page, "Delete all")
        if is_found:
            confirm(page, "Delete 1 task in period? This cannot be undone.", "Delete all")
        else:
            expect_told(page, "No matching task to delete.")
    eventually(lambda: status_of(admin, task_id) == "gone")

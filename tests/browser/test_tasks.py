"""The list of tasks in a browser: searching, staying in place, selecting, and doing something to many."""

import itertools
import re

import httpx
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


# Searching


def test_a_slash_leads_to_the_search_whose_words_stand_in_the_address(page: Page, enqueue: Enqueue) -> None:
    wanted, other = enqueue(queue_name="search a", **LATER), enqueue(queue_name="search b", **LATER)
    page.goto("/tasks")
    expect(row(page, other)).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search tasks")).to_be_focused()
    page.keyboard.type('queue:"search a" fact')
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/tasks\?queue=search\+a&task_name=fact$"))
    expect(row(page, wanted)).to_be_visible()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="Remove the filter queue: search a").click()
    expect(row(page, other)).to_be_visible()
    expect(page.get_by_role("searchbox", name="Search tasks")).to_have_value("fact")
    page.go_back()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search tasks")).to_have_value('queue:"search a" fact')


def test_filters_are_set_in_a_form_too(page: Page, enqueue: Enqueue) -> None:
    task_id = enqueue(queue_name="form", **FAILING)
    page.goto("/tasks")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Queue", exact=True).fill("form")
    page.get_by_label("Status", exact=True).select_option("failed")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile(r"/tasks\?queue=form&status=failed$"))
    expect(row(page, task_id)).to_be_visible()


def test_what_is_wrong_is_said_and_what_was_typed_stays(
    page: Page, axe: CheckAccess, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 400")
    page.goto("/tasks")
    enter(page, "colour:red")
    expect(page.get_by_role("alert")).to_contain_text('Unknown filter "colour". Try queue, status, state, ')
    expect(page.get_by_role("searchbox", name="Search tasks")).to_have_value("colour:red")
    axe(page)


def test_a_search_is_saved_as_a_view_and_shared(
    page: Page, user_page: UserPage, enqueue: Enqueue, axe: CheckAccess
) -> None:
    task_id = enqueue(queue_name="viewed", **LATER)
    page.goto("/tasks?queue=viewed&state=scheduled")
    menu = page.locator("details.menu", has_text="Views")
    menu.locator("summary").click()
    menu.get_by_label("Save this search and its columns as").fill("Later")
    menu.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The view is saved.")).to_be_visible()
    menu.locator("summary").click()
    expect(menu.get_by_role("link", name="Later")).to_have_attribute("aria-current", "true")
    axe(page)
    menu.get_by_role("button", name="Share Later with all users").click()
    expect(page.get_by_text("Later is shared with all users.")).to_be_visible()
    other = user_page()
    other.goto("/tasks")
    theirs = other.locator("details.menu", has_text="Views")
    theirs.locator("summary").click()
    expect(theirs.get_by_role("button", name="Delete")).to_have_count(0)
    theirs.get_by_role("link", name="Later").click()
    expect(other).to_have_url(re.compile(r"/tasks\?queue=viewed&state=scheduled$"))
    expect(row(other, task_id)).to_contain_text("scheduled")
    expect(rows(other)).to_have_count(1)


def test_long_names_leave_the_other_columns_alone(page: Page, enqueue: Enqueue) -> None:
    long = "a_name_without_a_place_to_break_" * 7
    task_id = enqueue(task_name=long, queue_name=f"wide {long}", args=[long * 9], **LATER)
    short = enqueue(queue_name="wide", **LATER)
    page.set_viewport_size({"width": 1024, "height": 700})
    page.goto("/tasks?state=scheduled")
    for each in (task_id, short):
        box_of = row(page, each).bounding_box()
        assert box_of is not None
        assert box_of["height"] < 48
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024
    expect(row(page, task_id).get_by_role("link").first).to_have_attribute("title", long)
    state = row(page, task_id).locator(".status")
    assert state.evaluate("(one) => one.scrollWidth <= one.parentElement.clientWidth")


# Staying live


def test_new_rows_wait_and_rows_that_left_fade(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess
) -> None:
    kept, gone = enqueue(queue_name="calm", **LATER), enqueue(queue_name="calm", **LATER)
    page.goto("/tasks?queue=calm&status=pending")
    expect(page.locator("#live-state")).to_have_text("Live")
    row(page, kept).hover()
    before = row(page, kept).bounding_box()
    new = enqueue(queue_name="calm", **LATER)
    button = page.get_by_role("button", name="1 new")
    expect(button).to_be_visible()
    admin.delete(f"/api/v1/tasks/{gone}")
    expect(row(page, gone)).to_have_attribute("aria-disabled", "true")
    expect(box(page, gone)).to_be_disabled()
    expect(row(page, new)).to_have_count(0)
    assert row(page, kept).bounding_box() == before
    axe(page)
    button.click()
    expect(row(page, new)).to_be_visible()
    expect(row(page, gone)).to_have_count(0)
    expect(button).to_be_hidden()


def test_a_list_is_replaced_when_its_reader_has_looked_on_for_a_while(page: Page, enqueue: Enqueue) -> None:
    first = enqueue(queue_name="idle", **LATER)
    page.clock.install()
    page.goto("/tasks?queue=idle")
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(row(page, first)).to_be_visible()
    second = enqueue(queue_name="idle", **LATER)
    points = itertools.count(200)

    def is_offered() -> bool:
        page.mouse.move(
            next(points), 100
        )  # a busy machine may take longer to show it than a reader to look on
        return page.get_by_role("button", name="1 new").is_visible()

    eventually(is_offered)
    expect(row(page, second)).to_have_count(0)
    page.clock.run_for(7_000)
    expect(rows(page).first).to_have_id(f"task-{second}")


def test_a_paused_list_holds(page: Page, enqueue: Enqueue) -> None:
    first = enqueue(queue_name="paused", **LATER)
    page.goto("/tasks?queue=paused")
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(row(page, first)).to_be_visible()  # a search that ran out of time, on a busy machine, shows less
    page.keyboard.press("p")
    second = enqueue(queue_name="paused", **LATER)
    other = page.context.new_page()
    other.goto("/tasks?queue=paused")
    expect(row(other, second)).to_be_visible()
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("p")
    expect(row(page, second)).to_be_visible()
    expect(row(page, first)).to_be_visible()


def test_a_selection_outlasts_what_arrives(page: Page, enqueue: Enqueue) -> None:
    first = enqueue(queue_name="kept", **LATER)
    page.goto("/tasks?queue=kept")
    expect(page.locator("#live-state")).to_have_text("Live")
    box(page, first).check()
    page.locator("h1").click()
    second = enqueue(queue_name="kept", **LATER)
    expect(row(page, second)).to_be_visible()
    expect(box(page, first)).to_be_checked()
    expect(box(page, second)).not_to_be_checked()
    expect(page.get_by_text("1 selected")).to_be_visible()


# Selecting


def test_a_range_is_selected_with_shift_and_a_row_with_x(page: Page, enqueue: Enqueue) -> None:
    ids = [enqueue(queue_name="ranges", **LATER) for _ in range(5)][::-1]
    page.goto("/tasks?queue=ranges")
    box(page, ids[0]).click()
    box(page, ids[2]).click(modifiers=["Shift"])
    bar = page.get_by_role("region", name="Selection")
    expect(bar).to_contain_text("3 selected")
    for _ in range(4):
        page.keyboard.press("j")
    row(page, ids[4]).get_by_role("link").first.focus()
    page.keyboard.press("x")
    expect(bar).to_contain_text("4 selected")
    page.keyboard.press("x")
    expect(bar).to_contain_text("3 selected")
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(bar).to_contain_text("5 selected")
    bar.get_by_role("button", name="Deselect").click()
    expect(bar).to_be_hidden()
    assert not page.locator("input[data-select]:checked").count()


def test_what_is_selected_is_cancelled_after_a_question(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess
) -> None:
    ids = [enqueue(queue_name="cancelling", **LATER) for _ in range(6)]
    page.goto("/tasks?queue=cancelling")
    for task_id in ids[:5]:
        box(page, task_id).check()
    axe(page)
    bar = page.get_by_role("region", name="Selection")
    expect(bar.get_by_role("button", name="Requeue")).to_be_disabled()
    bar.get_by_role("button", name="Cancel").click()
    confirm(page, "Cancel 5 factorial tasks in cancelling?", "Go back")
    expect(page.get_by_role("dialog")).to_be_hidden()
    bar.get_by_role("button", name="Cancel").click()
    confirm(page, "Cancel 5 factorial tasks in cancelling?", "Cancel")
    expect(page.locator(".toast p").last).to_have_text("Cancelled 5 factorial tasks in cancelling.")
    expect(bar).to_be_hidden()
    assert [status_of(admin, task_id) for task_id in ids] == ["cancelled"] * 5 + ["pending"]
    page.locator("h1").hover()
    expect(row(page, ids[0]).locator(".status")).to_have_text("cancelled")


def test_what_could_not_be_done_is_said_with_the_reason(
    page: Page, enqueue: Enqueue, admin: httpx.Client, browser_errors: BrowserErrors
) -> None:
    browser_errors.expect("status of 404")
    ids = [enqueue(queue_name="refusing", **LATER) for _ in range(3)]
    page.goto("/tasks?queue=refusing")
    expect(page.locator("#live-state")).to_have_text("Live")
    for task_id in ids:
        expect(box(page, task_id)).to_be_visible()
    page.keyboard.press("p")
    for task_id in ids:
        box(page, task_id).check()
    for task_id in ids[:2]:
        admin.delete(f"/api/v1/tasks/{task_id}")
    bar = page.get_by_role("region", name="Selection")
    bar.get_by_role("button", name="Cancel").click()
    confirm(page, "Cancel 3 factorial tasks in refusing?", "Cancel")
    expect(page.get_by_role("status").get_by_text("Cancelled 1 factorial task in refusing.")).to_be_visible()
    expect(page.locator(".toast[role=alert] p")).to_have_text(
        "2 refused: Only a pending or running task can be cancelled, and this one is cancelled."
    )
    expect(bar).to_contain_text("2 selected")


def test_failed_tasks_are_requeued_and_deleted_by_selection(
    page: Page, enqueue: Enqueue, admin: httpx.Client
) -> None:
    ids = [enqueue(queue_name="failing", **FAILING) for _ in range(2)]
    later = enqueue(queue_name="failing", **LATER)
    eventually(lambda: all(status_of(admin, task_id) == "failed" for task_id in ids))
    page.goto("/tasks?queue=failing")
    page.get_by_role("checkbox", name="Select all on this page").check()
    bar = page.get_by_role("region", name="Selection")
    bar.get_by_role("button", name="Requeue 2").click()
    confirm(page, "Requeue 2 loads tasks in failing?", "Requeue")
    expect(page.locator(".toast p").last).to_have_text("Requeued 2 loads tasks in failing.")
    expect(bar).to_contain_text("1 selected")
    bar.get_by_role("button", name="Run now").click()
    confirm(page, "Run 1 factorial task in failing now?", "Run now")
    expect(page.locator(".toast p").last).to_have_text("1 factorial task in failing can start now.")
    eventually(lambda: status_of(admin, later) == "completed")
    page.reload()
    page.get_by_role("checkbox", name="Select all on this page").check()
    bar.get_by_role("button", name="Delete").click()
    confirm(page, "Delete 3 tasks in failing?", "Delete")
    expect(page.locator(".toast p").last).to_have_text("Deleted 3 tasks in failing.")
    assert {status_of(admin, task_id) for task_id in (*ids, later)} == {"gone"}


# All that match


def test_all_that_match_are_counted_before_they_are_deleted(
    page: Page, enqueue: Enqueue, admin: httpx.Client
) -> None:
    ids = [enqueue(queue_name="many", args=[f"{number}%"], **LATER) for number in range(4)]
    other = enqueue(queue_name="many", args=["4 %"], **LATER)
    page.goto("/tasks")
    enter(page, 'queue:many args:%" since:1h')
    expect(rows(page)).to_have_count(5)
    page.get_by_text("All matching tasks").click()
    page.get_by_role("button", name="Cancel pending").click()
    confirm(page, "Cancel 5 tasks in many?", "Go back")
    expect(page.get_by_role("dialog")).to_be_hidden()
    enter(page, r'queue:many args:"%\"" since:1h task:fact')
    page.get_by_text("All matching tasks").click()
    page.get_by_role("button", name="Delete all").click()
    confirm(page, "Delete 5 tasks in many? This cannot be undone.", "Delete all")
    expect(page.locator(".toast p").last).to_have_text("Deleted 5 tasks in many.")
    assert {status_of(admin, task_id) for task_id in (*ids, other)} == {"gone"}


def test_the_period_of_all_that_match_moves_along_with_the_clock(
    page: Page, enqueue: Enqueue, admin: httpx.Client
) -> None:
    task_id = enqueue(queue_name="period", **LATER)
    page.clock.install()
    for period, is_found in (("since=1h", False), ("until=1h", True)):
        page.goto(f"/tasks?queue=period&{period}")
        page.clock.fast_forward("02:00:00")
        page.get_by_text("All matching tasks").click()
        page.get_by_role("button", name="Delete all").click()
        if is_found:
            confirm(page, "Delete 1 task in period? This cannot be undone.", "Delete all")
        else:
            expect(page.locator(".toast p").last).to_have_text("No matching task to delete.")
    eventually(lambda: status_of(admin, task_id) == "gone")


def test_a_message_moves_nothing_and_goes_by_itself(page: Page, enqueue: Enqueue, axe: CheckAccess) -> None:
    task_id = enqueue(queue_name="still", **LATER)
    page.clock.install()
    page.goto("/tasks?queue=still")
    box(page, task_id).check()
    bar = page.get_by_role("region", name="Selection")
    before = row(page, task_id).bounding_box(), bar.get_by_role("button", name="Delete").bounding_box()
    bar.get_by_role("button", name="Cancel").click()
    confirm(page, "Cancel 1 factorial task in still?", "Go back")
    page.get_by_text("All matching tasks").click()
    page.get_by_role("button", name="Requeue failed").click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("No matching task has failed.")
    assert before == (
        row(page, task_id).bounding_box(),
        bar.get_by_role("button", name="Delete").bounding_box(),
    )
    toast.hover()  # before what takes a while
    axe(page)
    page.clock.run_for(60_000)
    expect(toast).to_be_visible()
    page.locator("h1").hover()
    page.clock.run_for(10_000)
    expect(toast).to_have_count(0)


def test_a_message_leads_to_what_it_is_about(page: Page, enqueue: Enqueue, admin: httpx.Client) -> None:
    task_id = enqueue(queue_name="followed", **FAILING)
    eventually(lambda: status_of(admin, task_id) == "failed")
    page.goto("/tasks?queue=followed&status=failed&name=loads")
    page.get_by_text("All matching tasks").click()
    page.get_by_role("button", name="Requeue failed").click()
    confirm(page, "Requeue 1 loads task in followed?", "Requeue failed")
    expect(page.locator(".toast p").last).to_have_text("Requeued 1 loads task in followed.")
    page.get_by_role("link", name="Follow", exact=True).click()
    expect(page).to_have_url(re.compile(r"/tasks\?queue=followed&name=loads$"))


def test_deleting_very_many_takes_their_number(page: Page, admin: httpx.Client, axe: CheckAccess) -> None:
    task = {"module_path": "math", "task_name": "factorial", "args": [5], "queue_name": "many more", **LATER}
    assert admin.post("/api/v1/enqueue/batch", json=[task] * 101).status_code == 201
    page.goto("/tasks")
    page.get_by_text("All matching tasks").click()
    page.get_by_role("button", name="Delete all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("tasks of all queues? This cannot be undone.")
    button = dialog.get_by_role("button", name="Delete all")
    expect(dialog.get_by_role("textbox")).to_be_focused()
    expect(button).to_be_disabled()
    axe(page)
    number = re.search(r"Type ([\d,]+) to", dialog.text_content() or "")
    assert number is not None
    field = dialog.get_by_role("textbox")
    field.fill("100")
    field.press("Enter")
    expect(button).to_be_disabled()
    field.fill(number[1])
    expect(button).to_be_enabled()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".toast")).to_have_count(0)


def test_nothing_is_asked_where_nothing_matches(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="nothing", **LATER)
    page.goto("/tasks?queue=nothing")
    page.get_by_text("All matching tasks").click()
    page.get_by_role("button", name="Requeue failed").click()
    expect(page.locator(".toast p").last).to_have_text("No matching task has failed.")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_somebody_without_permissions_selects_nothing(user_page: UserPage, enqueue: Enqueue) -> None:
    task_id = enqueue(queue_name="looking", **LATER)
    page = user_page()
    page.goto("/tasks?queue=looking")
    expect(row(page, task_id)).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    expect(page.get_by_text("All matching tasks")).to_have_count(0)


def test_somebody_does_what_they_may_on_their_queue(
    user_page: UserPage, enqueue: Enqueue, admin: httpx.Client
) -> None:
    task_id = enqueue(queue_name="theirs", **LATER)
    other = enqueue(queue_name="not theirs", **LATER)
    page = user_page({"theirs": ["cancel", "delete"]})
    page.goto("/tasks?task_name=factorial&status=pending")
    for one in (task_id, other):
        box(page, one).check()
    bar = page.get_by_role("region", name="Selection")
    bar.get_by_role("button", name="Delete 1").click()
    confirm(page, "Delete 1 factorial task in theirs?", "Delete")
    expect(page.locator(".toast p").last).to_have_text("Deleted 1 factorial task in theirs.")
    assert [status_of(admin, one) for one in (task_id, other)] == ["gone", "pending"]

"""An open page stays as things are on the server, and leaves alone what its reader is at."""

import re

import psycopg
import pytest
from playwright.sync_api import Locator, Page, WebSocket, expect

from tests.browser.conftest import Enqueue

pytestmark = pytest.mark.http


def row(page: Page, queue: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=queue, exact=True))


def state_of(page: Page) -> Locator:
    return page.locator("#live-state")


def test_what_arrives_is_shown_without_a_reload(page: Page, enqueue: Enqueue) -> None:
    page.goto("/queues")
    page.evaluate("window.isStill = true")
    enqueue(queue_name="arrivals")
    expect(row(page, "arrivals").locator("[data-label=Completed]")).to_have_text("1")
    enqueue(queue_name="arrivals")
    expect(row(page, "arrivals").locator("[data-label=Completed]")).to_have_text("2")
    expect(state_of(page)).to_have_text("Live")
    assert page.evaluate("window.isStill")


def test_a_paused_page_holds_and_goes_on(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="held")
    page.goto("/queues")
    count = row(page, "held").locator("[data-label=Completed]")
    expect(state_of(page)).to_have_text("Live")
    expect(count).to_have_text("1")
    pause = page.get_by_role("button", name="Freeze view")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    expect(state_of(page)).to_have_text("Frozen")
    other = page.context.new_page()
    other.goto("/queues")
    enqueue(queue_name="held")
    expect(row(other, "held").locator("[data-label=Completed]")).to_have_text("2")
    expect(count).to_have_text("1")
    page.keyboard.press("p")
    expect(state_of(page)).to_have_text("Live")
    expect(count).to_have_text("2")


def test_the_focus_stays_where_it_is(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="focus b")
    page.goto("/queues")
    expect(state_of(page)).to_have_text("Live")
    link = page.get_by_role("link", name="focus b", exact=True)
    link.focus()
    enqueue(queue_name="focus a")  # a row above it
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(link).to_be_focused()


def test_selected_text_stays_selected(page: Page, enqueue: Enqueue) -> None:
    enqueue(queue_name="selected")
    page.goto("/queues")
    count = row(page, "selected").locator("[data-label=Completed]")
    expect(count).to_have_text("1")
    page.evaluate("getSelection().selectAllChildren(document.getElementById('queue-selected'))")
    chosen = page.evaluate("getSelection().toString()")
    assert "selected" in chosen
    enqueue(queue_name="selected")
    other = page.context.new_page()
    other.goto("/queues")
    expect(row(other, "selected").locator("[data-label=Completed]")).to_have_text("2")
    assert page.evaluate("getSelection().toString()") == chosen
    page.evaluate("getSelection().removeAllRanges()")
    expect(count).to_have_text("2")


def test_rows_stay_while_searches_run_out_of_time(page: Page, enqueue: Enqueue, server_database: str) -> None:
    task_id = enqueue(queue_name="sought", scheduled_at="2100-01-01T00:00:00Z")
    page.goto("/tasks?queue=sought")
    expect(state_of(page)).to_have_text("Live")
    line = page.locator(f"#task-{task_id}")
    expect(line).to_be_visible()
    with psycopg.connect(server_database) as conn, page.expect_websocket() as opened:
        page.reload()
        socket: WebSocket = opened.value
        expect(line).to_be_visible()
        with socket.expect_event("framereceived", lambda frame: "data-out-of-time" in str(frame)):
            conn.execute("LOCK TABLE lapinq_tasks")
        page.evaluate("new Promise((done) => setTimeout(done))")  # the page has handled it, too
        assert page.locator(f"#task-{task_id}:not(.gone)").count() == 1
        conn.rollback()
        line.get_by_role("link", name="factorial").click()
        expect(page).to_have_url(re.compile(rf"/tasks/{task_id}$"))


def test_whoever_logs_out_in_another_tab_is_led_to_the_login(page: Page) -> None:
    page.goto("/")
    expect(state_of(page)).to_have_text("Live")
    other = page.context.new_page()
    other.goto("/account")
    other.get_by_role("button", name="Log out").click()
    expect(other).to_have_url(re.compile(r"/login$"))
    expect(page).to_have_url(re.compile(r"/login$"))


def test_a_page_that_the_browser_kept_is_live_again(page: Page, enqueue: Enqueue) -> None:
    page.goto("/queues")
    expect(state_of(page)).to_have_text("Live")
    page.goto("/account")
    page.go_back()
    enqueue(queue_name="kept")
    expect(row(page, "kept").locator("[data-label=Completed]")).to_have_text("1")
    expect(state_of(page)).to_have_text("Live")

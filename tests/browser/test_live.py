"""An open page stays as things are on the server, and leaves alone what its reader is at."""

import re

import httpx
import psycopg
import pytest
from playwright.sync_api import Locator, Page, WebSocket, expect

from tests.browser.conftest import CheckAccess, Enqueue

pytestmark = pytest.mark.http


def row(page: Page, queue: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=queue, exact=True))


def completed(page: Page, queue: str) -> Locator:
    return row(page, queue).locator("[data-label=Completed]")


def state_of(page: Page) -> Locator:
    return page.locator("#live-state")


def test_what_arrives_is_shown_but_not_to_one_who_reads_or_froze_the_page(
    own_page: Page, enqueue: Enqueue
) -> None:
    page = own_page
    page.goto("/queues")
    page.evaluate("window.isStill = true")
    enqueue(queue_name="arrivals")
    expect(completed(page, "arrivals")).to_have_text("1")
    enqueue(queue_name="arrivals")
    expect(completed(page, "arrivals")).to_have_text("2")
    expect(state_of(page)).to_have_text("Live")

    pause = page.get_by_role("button", name="Freeze view")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    expect(state_of(page)).to_have_text("Frozen")
    other = page.context.new_page()
    other.goto("/queues")
    enqueue(queue_name="arrivals")
    expect(completed(other, "arrivals")).to_have_text("3")
    expect(completed(page, "arrivals")).to_have_text("2")
    page.keyboard.press("p")
    expect(state_of(page)).to_have_text("Live")
    expect(completed(page, "arrivals")).to_have_text("3")

    # Selected text stays selected.
    page.evaluate("getSelection().selectAllChildren(document.getElementById('queue-arrivals'))")
    chosen = page.evaluate("getSelection().toString()")
    assert "arrivals" in chosen
    enqueue(queue_name="arrivals")
    expect(completed(other, "arrivals")).to_have_text("4")
    assert page.evaluate("getSelection().toString()") == chosen
    page.evaluate("getSelection().removeAllRanges()")
    expect(completed(page, "arrivals")).to_have_text("4")

    # The focus stays where it is.
    link = page.get_by_role("link", name="arrivals", exact=True)
    link.focus()
    enqueue(queue_name="an arrival above")
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(link).to_be_focused()
    assert page.evaluate("window.isStill")

    # A page that the browser kept is live again.
    page.goto("/account")
    page.go_back()
    enqueue(queue_name="arrivals")
    expect(completed(page, "arrivals")).to_have_text("5")
    expect(state_of(page)).to_have_text("Live")

    # Whoever logs out in another tab is led to the login.
    other.goto("/account")
    other.get_by_role("button", name="Log out").click()
    expect(other).to_have_url(re.compile(r"/login$"))
    expect(page).to_have_url(re.compile(r"/login\?next=%2Fqueues$"))


@pytest.mark.slow
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


def test_a_worker_is_quieted_resumed_and_stopped_after_a_question(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess
) -> None:
    page.goto("/workers")
    worker = page.locator("[id^=worker-]")
    expect(worker).to_have_count(1)
    worker.get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("releases the rest and exits")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(worker.locator(".status")).to_have_text("alive")
    try:
        worker.get_by_role("button", name="it claims no new tasks").click()
        expect(page.locator(".toast p").last).to_contain_text("claims no new tasks")
        expect(worker.locator(".status")).to_have_text("quiet")
        axe(worker)
        task = enqueue(task_name="gcd", args=[12, 18])
        worker.get_by_role("button", name="it claims tasks again").click()
        expect(worker.locator(".status")).to_have_text("alive")
    finally:  # the other journeys need it
        admin.post(f"/api/v1/workers/{admin.get('/api/v1/workers').json()['workers'][0]['id']}/resume")
    page.wait_for_function(
        "id => fetch(`api/v1/tasks/${id}`).then((answer) => answer.json())"
        ".then((task) => task.status === 'completed')",
        arg=task,
    )

"""The page of a task in a browser: live updates, search, copying, actions, and the forms that run a task."""

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import CheckAccess, Enqueue
from tests.support.eventually import eventually
from tests.support.pages.browser_errors import BrowserErrors

pytestmark = pytest.mark.http

LATER = "2031-01-01T00:00:00Z"
TYPED = "tests.support.sample.typed"
LOGGING = "tests.support.sample.logging_tasks"
LARGE = "x" * 150_000 + "user\u202e needle"
NESTED = {
    "order": {"lines": [{"sku": f"sku-{number}"} for number in range(300)]},
    "note": "x" * 500 + "needle",
}


def test_a_running_task_is_followed_to_its_end(page: Page, enqueue: Enqueue, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    task = enqueue(module_path=LOGGING, task_name="say_much_and_wait", args=[str(gate)])
    page.goto(f"/tasks/{task}")
    expect(page.locator("h1")).to_contain_text("running")
    expect(page.get_by_role("button", name="Ask to stop")).to_be_visible()
    log = page.get_by_role("region", name="Log of attempt 1")
    lines = log.get_by_role("list")
    expect(lines).to_contain_text("line 299")
    expect(lines).to_contain_text(re.compile("[0-9]+ earlier lines left out"))  # the latest are sent
    assert lines.evaluate(
        "(list) => list.scrollTop > 0 && list.scrollHeight - list.scrollTop - list.clientHeight < 9"
    )
    gate.touch()
    expect(page.locator("h1")).to_contain_text("completed")
    expect(page.get_by_role("button", name="Ask to stop")).to_be_hidden()
    expect(page.get_by_role("tab", name="Result")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Log")).to_be_visible()  # the tab that was there stays
    expect(lines).to_contain_text("the last word")
    expect(lines).to_contain_text("line 0")
    log.get_by_role("searchbox").fill("LINE 29")
    expect(log.get_by_text("11 of 301 lines")).to_be_visible()
    log.get_by_role("searchbox").fill("")
    log.get_by_role("combobox").select_option("Warnings and errors")
    expect(lines.get_by_role("listitem").filter(has_text="line")).to_have_count(0)
    expect(lines.get_by_text("the last word")).to_be_visible()
    link = log.get_by_role("link", name="Whole log as text")
    whole = page.request.get(str(link.evaluate("(link) => link.href"))).text()
    assert whole.count("\n") == 300
    at = whole.splitlines()[-1].split()[0]
    local = page.evaluate("(at) => new Date(at).toTimeString().slice(0, 8)", at)
    expect(lines.locator(".at").last).to_have_text(re.compile(f"^{local}"))
    page.get_by_role("tab", name="Result").click()
    expect(page.get_by_role("region", name=re.compile("^Result")).locator(".string")).to_have_text('"seen"')


def test_a_task_is_run_now_and_its_attempts_and_logs_are_chosen(
    page: Page, enqueue: Enqueue, axe: CheckAccess
) -> None:
    failing = {"module_path": LOGGING, "task_name": "say_and_fail", "args": ["no good"]}
    page.goto(f"/tasks/{enqueue(**failing, max_retries=1, retry_delay=0, scheduled_at=LATER)}")
    expect(page.get_by_text("It is scheduled for")).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("h1")).to_contain_text("failed")
    expect(page.get_by_text("It is scheduled for")).to_be_hidden()
    verdict = page.get_by_role("region", name="Why it failed")
    expect(verdict).to_contain_text("ValueError: no good")
    expect(verdict.locator(".source")).to_have_text("raise ValueError(words)")
    expect(page.get_by_role("img", name=re.compile(", Failed [0-9]"))).to_have_count(2)
    page.get_by_role("link", name="Attempt 1").click()
    expect(page.get_by_role("heading", name=re.compile("Attempt 1"))).to_be_in_viewport()
    expect(page.get_by_role("tabpanel", name="Traceback")).to_be_visible()
    page.get_by_role("tab", name="Traceback").press("ArrowRight")
    expect(page.get_by_role("tab", name="Log")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Traceback")).to_be_hidden()
    expect(page.get_by_role("tabpanel", name="Log")).to_contain_text("no good")
    axe(page.get_by_role("tabpanel", name="Log"))
    page.get_by_role("button", name="Retry this task").click()
    expect(page.get_by_text("Retried by lapinq")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Log")).to_be_visible()  # the chosen tab stays


def test_values_are_trees_that_are_opened_searched_and_copied(
    page: Page, enqueue: Enqueue, axe: CheckAccess
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    matches, search = page.locator("#json-matches"), page.get_by_role("searchbox")
    tree = page.get_by_role("region", name="Keyword arguments")
    long = {"task_name": "x" * 255, "queue_name": "y" * 255}
    values = {"args": ["it’s <b>", list(range(200))], "kwargs": NESTED}
    page.goto(f"/tasks/{enqueue(scheduled_at=LATER, **values, **long)}")
    expect(tree.get_by_text('"sku-287"')).to_be_hidden()
    axe(tree)
    page.keyboard.press("/")
    page.keyboard.type("SKU-287")
    expect(matches).to_have_text("1 match")
    expect(tree.locator("mark")).to_have_text("sku-287")
    expect(tree.locator("mark")).to_be_visible()
    search.fill("needle")
    expect(tree.locator("mark")).to_be_visible()
    search.fill("sku")
    expect(matches).to_have_text(re.compile("More than 200 matches"))
    search.fill("no such thing")
    expect(matches).to_have_text("No match")
    search.fill("")
    expect(matches).to_be_empty()
    expect(tree.locator("mark")).to_have_count(0)

    items = page.get_by_role("region", name=re.compile("^Arguments [0-9]"))
    items.get_by_text("[200]").click()
    expect(items.get_by_text("+ 150")).to_be_visible()
    items.get_by_text("+ 150").click()
    expect(items.get_by_text("+ 50")).to_be_visible()

    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl ")
    assert "it’s <b>" in copied

    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    # What is shown in part is searched as a whole.
    page.goto(f"/tasks/{enqueue(args=[LARGE], scheduled_at=LATER)}")
    search.fill("NEEDLE")
    expect(matches).to_have_text("1 match")
    expect(page.locator(".excerpts mark")).to_have_text("needle")
    expect(page.locator(".excerpts")).to_contain_text("user\\u202e needle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    read = "(text) => import(document.querySelector('script[type=module]').src.replace('app.js', 'json.js'))"
    for number in ("1.50", "265252859812191058636308480000000", "1e3"):
        found = page.evaluate(
            f"{read}.then(({{ read }}) => read(text))", f'{{"b": {number}, "1": [null, "\\u00fc\\u202e"]}}'
        )
        inner = [["0", {"kind": "word", "text": "null"}], ["1", {"kind": "string", "text": '"ü\\u202e"'}]]
        assert found["entries"] == [
            ['"b"', {"kind": "number", "text": number}],
            ['"1"', {"kind": "array", "entries": inner}],
        ]


def test_a_task_is_run_again_with_other_arguments(
    page: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess, browser_errors: BrowserErrors
) -> None:
    earlier = enqueue(task_name="report", module_path=TYPED, args=["Q3", 2], kwargs={"size": "large"})
    page.goto(f"/tasks/{earlier}")
    edit = page.get_by_role("link", name="Edit and run")
    expect(page.locator("h1")).to_contain_text("completed")
    eventually(lambda: any(one["module_path"] == TYPED for one in admin.get("/api/v1/registered").json()))
    edit.click()
    page.get_by_label("copies").fill("")
    page.get_by_label("is_draft").select_option("true")
    page.get_by_label("filters").fill('{"region": 12345678901234567890')
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_label("filters")).to_have_attribute("aria-invalid", "true")
    axe(page.locator("main"))
    page.get_by_label("filters").fill('{"region": 12345678901234567890}')
    page.get_by_label("JSON", exact=True).check()
    written = page.get_by_label("Keyword arguments").input_value()
    assert written == '{"size": "large", "is_draft": true, "filters": {"region": 12345678901234567890}}'
    page.get_by_label("Fields").check()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("report is enqueued.")).to_be_visible()
    result = page.get_by_role("region", name=re.compile("^Result"))
    expect(result).to_contain_text("Q3 1 large None True {'region': 12345678901234567890}")
    page.get_by_role("link", name=earlier).click()
    expect(page).to_have_url(re.compile(rf"/tasks/{earlier}$"))
    stored = ""

    def lose_the_answer(route: Route) -> None:
        nonlocal stored
        stored = route.fetch().json()["task_id"]
        route.abort()

    browser_errors.expect("ERR_FAILED.*/rerun")
    page.route("**/rerun", lose_the_answer, times=1)
    page.get_by_role("button", name="Run as a new task").click()
    expect(page.get_by_text("The server does not answer.")).to_be_visible()
    page.get_by_role("button", name="Run as a new task").click()
    page.get_by_role("link", name="Follow").click()
    expect(page).to_have_url(re.compile(rf"/tasks/{stored}$"))
    expect(page.get_by_role("link", name=earlier)).to_be_visible()

    # A form is made of the signature of a function that a worker knows.
    page.goto("/tasks")
    page.get_by_role("link", name="New task").click()
    page.get_by_role("link", name="take", exact=True).click()
    page.get_by_label("*rest").fill("[1, 2]")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#wrong-argument-1")).to_have_text(re.compile("^Fill this in"))
    page.get_by_label("value").fill('"x"')
    page.get_by_label("**others").fill('{"a": "b"}')
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("h1")).to_contain_text("completed")
    arguments = page.get_by_role("region", name=re.compile("^Arguments [0-9]"))
    expect(arguments.locator("details.raw")).to_contain_text('["x",1,2]')

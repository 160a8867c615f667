"""What holds of every page: nobody is kept out, a phone shows it whole, and nothing goes wrong in its console."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CheckAccess, Enqueue
from tests.support.eventually import eventually

pytestmark = pytest.mark.http

PAGES = [
    "/",
    "/tasks",
    "/tasks?status=failed&since=1h",
    "/tasks/{id}",
    "/queues",
    "/workers",
    "/failed",
    "/webhooks",
    "/account",
    "/admin/users",
    "/admin/audit",
    "/docs",
]
"""`{id}` in an address is that of a task."""
WIDTHS = (1280, 1000, 901, 900, 768, 701, 390, 320)
FAILING = {"task_name": "loads", "module_path": "json", "args": ["no JSON"], "max_retries": 0}
TOLD = {"webhook_url": "https://nowhere.invalid/a/rather/long/path/of/a/webhook/that/is/shown/in/a/list"}


@pytest.fixture(scope="module")
def task() -> dict[str, str]:
    """The id of a task, once there is one."""
    return {}


@pytest.fixture
def address(request: pytest.FixtureRequest, task: dict[str, str], enqueue: Enqueue) -> str:
    """The page, on a server on which some tasks have succeeded, failed, and wait."""
    if not task:
        enqueue(queue_name="mail")
        enqueue(queue_name="mail", scheduled_at="2100-01-01T00:00:00Z")
        task["id"] = enqueue(queue_name="a queue with a rather long name", **FAILING, **TOLD)
    return request.param.format(**task)


@pytest.mark.parametrize("address", PAGES, indirect=True)
def test_it_keeps_nobody_out(page: Page, axe: CheckAccess, address: str) -> None:
    page.goto(address)
    expect(page.locator("main")).to_be_visible()
    axe(page)
    page.emulate_media(color_scheme="dark")
    axe(page)
    page.set_viewport_size({"width": 390, "height": 844})
    axe(page)
    page.emulate_media(color_scheme="light")
    axe(page)
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("address", PAGES, indirect=True)
def test_nothing_is_wider_than_the_window(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        # Charts follow a moment later.
        eventually(lambda width=width: page.evaluate("document.scrollingElement.scrollWidth") <= width)


def test_the_login_keeps_nobody_out_and_fits_a_phone(stranger: Page, axe: CheckAccess) -> None:
    stranger.set_viewport_size({"width": 390, "height": 844})
    stranger.goto("/login")
    axe(stranger)
    stranger.emulate_media(color_scheme="dark")
    axe(stranger)
    assert stranger.evaluate("document.scrollingElement.scrollWidth") <= 390
    expect(stranger.get_by_label("Username")).to_be_focused()


@pytest.mark.parametrize("key", ["?"])
def test_its_dialogs_keep_nobody_out(page: Page, axe: CheckAccess, key: str) -> None:
    page.goto("/")
    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_visible()
    axe(page)

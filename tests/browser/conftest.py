"""Fixtures of the browser tests: a real server, and a real Chromium of the system that looks at it.

They are pytest-playwright's, of another scope: while Playwright runs, its event loop is the running one of this thread,
and `asyncio.run` refuses to work. So it lasts as long as this package, and no test in here may call `asyncio.run`.
"""

import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from types import FrameType
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    Locator,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.support.database import postgres
from tests.support.http import people
from tests.support.pages import browser as chromium
from tests.support.pages.browser_errors import BrowserErrors
from tests.support.programs.processes import ApiProcess

NewContext = Callable[..., BrowserContext]
UserPage = Callable[..., Page]
Enqueue = Callable[..., str]
AddSchedule = Callable[..., str]
CheckAccess = Callable[..., None]

TIMEOUT_MS = 30_000
TEST_SECONDS = 240
"""Limit of a journey. Playwright waits for an evaluated script without a timeout, so a stuck one would never end."""
RULES = {"label-content-name-mismatch": {"enabled": True}}
"""Rules of axe that are experimental, and so off by default."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Without a browser the tests are left out, or fail where they are demanded."""
    program = chromium.find()
    if program is None:
        (pytest.fail if chromium.is_demanded() else pytest.skip)(
            f"there is no browser: {chromium.HOW_TO_GET_ONE}"
        )
    return {**browser_type_launch_args, "executable_path": program, "args": list(chromium.FLAGS)}


@pytest.fixture(scope="package")
def playwright(browser_type_launch_args: dict[str, Any]) -> Generator[Playwright]:
    del browser_type_launch_args  # there is a browser
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser_type(playwright: Playwright) -> BrowserType:
    return playwright.chromium


@pytest.fixture(scope="package")
def browser(browser_type: BrowserType, browser_type_launch_args: dict[str, Any]) -> Generator[Browser]:
    launched = browser_type.launch(**browser_type_launch_args)
    yield launched
    launched.close()


@pytest.fixture(scope="package")
def browser_context_args() -> dict[str, Any]:
    return {}


@pytest.fixture(scope="package")
def server_database(postgres_url: str, template_database: str) -> Generator[str]:
    """The database of the server."""
    with postgres.private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture(scope="package")
def server(server_database: str) -> Generator[ApiProcess]:
    """`lapinq server --worker` for all journeys, each of which has queues of its own; tasks may come from
    `tests.support.sample.tasks`. The worker learns with each heartbeat what it is told."""
    with ApiProcess(server_database, "--worker", env={"LAPINQ_HEARTBEAT_INTERVAL": "1"}) as api:
        yield api


@pytest.fixture(scope="package")
def admin(server: ApiProcess) -> Generator[httpx.Client]:
    """A client of the server that isn't a browser, logged in as the first user."""
    with httpx.Client(base_url=server.url, timeout=15, trust_env=False) as client:
        people.log_in(client)
        yield client


@pytest.fixture(autouse=True)
def _in_time() -> Generator[None]:
    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"the test is not done after {TEST_SECONDS} s; is a script stuck?")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="package")
def errors() -> BrowserErrors:
    """Those in all windows."""
    return BrowserErrors()


@pytest.fixture
def browser_errors(errors: BrowserErrors) -> Generator[BrowserErrors]:
    """What goes wrong in any page of the test, which fails it unless it says that it expects that."""
    errors.begin()
    yield errors
    assert not errors.unexpected()


@pytest.fixture(scope="package")
def window(browser: Browser, server: ApiProcess, errors: BrowserErrors) -> Generator[BrowserContext]:
    """A window of the first user, an admin, for all tests: it logs in once, and compiles the scripts once."""
    opened = browser.new_context(base_url=server.url)
    opened.set_default_timeout(TIMEOUT_MS)
    errors.watch(opened)
    yield logged_in(opened, server, "lapinq", "lapinq")
    opened.close()


@pytest.fixture
def page(window: BrowserContext, browser_errors: BrowserErrors) -> Generator[Page]:
    """A tab in that window; nothing was opened in it."""
    yield window.new_page()
    browser_errors.gather()
    for tab in window.pages:
        tab.close()


@pytest.fixture
def new_context(
    new_context: NewContext, server: ApiProcess, browser_errors: BrowserErrors
) -> Generator[NewContext]:
    """Opens a window with cookies of its own, not logged in; addresses may begin with the slash."""

    def make(**arguments: Any) -> BrowserContext:
        opened = new_context(**{"base_url": server.url, **arguments})
        opened.set_default_timeout(TIMEOUT_MS)
        browser_errors.watch(opened)
        return opened

    yield make
    browser_errors.gather()


@pytest.fixture
def own_page(new_context: NewContext, server: ApiProcess) -> Page:
    """A tab of the first user in a window of the test's own: for one that logs out, or moves the window's clock."""
    return logged_in(new_context(), server, "lapinq", "lapinq").new_page()


@pytest.fixture
def stranger(new_context: NewContext) -> Page:
    """A tab of somebody who is not logged in."""
    return new_context().new_page()


@pytest.fixture
def user_page(new_context: NewContext, server: ApiProcess, admin: httpx.Client) -> UserPage:
    """Opens a tab of a new user with these permissions: `user_page({"video": ["enqueue"]})`."""

    def open_tab(permissions: Mapping[str, Sequence[str]] | None = None, role: str = "user") -> Page:
        granted = {queue: list(may) for queue, may in (permissions or {}).items()}
        user = people.add_user(admin, role, **granted)
        return logged_in(new_context(), server, user["username"], people.PASSWORD).new_page()

    return open_tab


@pytest.fixture
def enqueue(admin: httpx.Client) -> Enqueue:
    """Enqueues a task, `math.factorial(5)` where the fields don't say otherwise, and answers its id."""

    def send(**fields: object) -> str:
        body = {"module_path": "math", "task_name": "factorial", "args": [5], **fields}
        answer = admin.post("/api/v1/enqueue", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["task_id"]

    return send


@pytest.fixture
def add_schedule(admin: httpx.Client) -> AddSchedule:
    """Makes a schedule that comes once a year, where the fields don't say otherwise, and answers its address."""

    def make(name: str, **fields: object) -> str:
        body = {"name": name, "task_name": "factorial", "module_path": "math", "args": [5], "cron": "@yearly"}
        answer = admin.post("/api/v1/schedules", json={**body, **fields})
        assert answer.status_code == 201, answer.text
        return f"/schedules/{quote(name, safe='')}"

    return make


@pytest.fixture(scope="session")
def axe() -> CheckAccess:
    """Asserts that a page, or a part of it, keeps nobody out who uses it by other means than most: `axe(page)`,
    `axe(dialog)`."""

    def check(what: Page | Locator) -> None:
        part = what.locator("html") if isinstance(what, Page) else what
        if part.evaluate("typeof axe") == "undefined":
            part.page.evaluate(AXE_SCRIPT)
        found: list[dict[str, Any]] = part.evaluate(
            "(part, rules) => axe.run(part, { resultTypes: ['violations'], rules }).then((all) => all.violations)",
            RULES,
        )
        told = [
            f"{one['id']}: {one['help']}: {node['target']} {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        ]
        assert not told, "\n".join(told)

    return check


def logged_in(window: BrowserContext, server: ApiProcess, username: str, password: str) -> BrowserContext:
    """`window`, after that person has logged in in it."""
    with httpx.Client(base_url=server.url, timeout=15, trust_env=False) as client:
        token = people.log_in(client, username, password)
    window.add_cookies([{"name": "lapinq_session", "value": token, "url": server.url}])
    return window

"""What holds of every page: nobody is kept out, a phone shows it whole, and nothing goes wrong in its console."""

import itertools
from http import HTTPStatus
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CheckAccess, Enqueue
from tests.browser.test_decide import asked
from tests.support.eventually import eventually

pytestmark = pytest.mark.http

PAGES = [
    "/",
    "/tasks",
    "/tasks?status=failed&since=1h",
    "/tasks?queue=many",
    "/bulk-actions",
    "/tasks/{id}",
    "/tasks/{id}/again",
    "/tasks/{profiled}/profile",
    "/tasks/new",
    "/queues",
    "/queue?name=default",
    "/queue/keys?name=in%20order",
    "/limits",
    "/key?name=acme",
    "/waits",
    "/tasks/{asking}",
    "/tasks/{asking}/signal?name=approve",
    "/decide?token={token}",
    "/workflows",
    "/workflows/{workflow}",
    "/functions",
    "/function?name=loads",
    "/schedules",
    "/schedules/new",
    "/schedules/{schedule}",
    "/schedules/{schedule}/edit",
    "/schedules/{schedule}/run",
    "/workers",
    "/errors",
    "/errors/{error}",
    "/workers/{worker}",
    "/webhooks",
    "/account",
    "/admin/users",
    "/admin/notifications",
    "/admin/audit",
    "/docs",
]
"""`{id}` in an address is that of a task, `{worker}` that of a worker, `{schedule}` the name of a schedule."""
UNFOLDED = {"/webhooks", "/account", "/admin/users", "/admin/audit"}
"""Pages whose folded parts are checked, too."""
Look = tuple[Literal["light", "dark"], int]
LOOKS: list[Look] = [("light", 1280), ("dark", 390), ("dark", 1280), ("light", 390)]
WIDTHS = (1600, 1280, 981, 980, 768, 701, 320, 390)
ONE_OF_EACH = """() => {
    const seen = new Set();
    for (const one of document.querySelectorAll("article, .contents li")) {
        const parts = [...one.querySelectorAll("*")].map((part) => `${part.tagName} ${part.className}`);
        if (parts.every((part) => seen.has(part))) one.remove();
        parts.forEach((part) => seen.add(part));
    }
}"""
"""Leaves one place for each kind of element: /docs has a hundred articles from one template, and axe takes 20 s."""
SMALL_TARGETS = """() => [
    ...document.querySelectorAll(
        "button, input:not([type=checkbox], [type=radio]), select, summary, nav a, a.button, .chips a, .box, label.pick"
    )
].filter((one) => one.checkVisibility() && !one.closest("dialog, [popover], .docs, .json, .trace"))
 .filter((one) => one.getBoundingClientRect().height < 43.9)
 .map((one) => one.outerHTML.slice(0, 160))"""
"""What a finger misses on a phone."""
WIDER = """(width) => document.scrollingElement.scrollWidth <= width ? []
    : [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > width + 1)
        .map((one) => one.outerHTML.slice(0, 160))"""
"""What does not fit."""
FAILING = {"task_name": "loads", "module_path": "json", "args": ["x" * 3000], "max_retries": 0}
HELD = {
    "queue_name": "in order",
    "key": "a-device-with-a-rather-long-name-in-which-no-space-stands-to-break-it",
    "max_retries": 3,
    "retry_delay": 3600,
}
TOLD = {"webhook_url": "https://nowhere.invalid/a/rather/long/path/of/a/webhook/that/is/shown/in/a/list"}
PROFILED = {
    "module_path": "tests.support.sample.tasks",
    "task_name": "busy_and_idle",
    "args": [0.1, 0.1],
    "profile": True,
}

ASKING = {
    "module_path": "tests.support.sample.shop",
    "task_name": "large_order",
    "args": [4711, "a customer with a rather long name", 0.01],
}
JOB = {"task_name": "loads", "module_path": "json", "args": ["1"]}
SHARDS = [f"a-shard-with-a-rather-long-name-{n}" for n in range(6)]
WORKFLOW = {
    "name": "a-workflow-with-a-rather-long-name-in-which-no-space-stands",
    "metadata": {"customer": 7},
    "tasks": [
        {"ref": "start", **JOB},
        *({"ref": ref, "after": ["start"], **JOB} for ref in SHARDS),
        {"ref": "fails", **JOB, "args": ["no JSON"], "max_retries": 0},
        {"ref": "end", "after": [*SHARDS, "start", "fails"], **JOB},
    ],
}
LONG_NAME = "a-schedule-with-a-rather-long-name-in-which-no-space-stands-to-break-it"
SCHEDULED = {
    "task_name": "loads",
    "module_path": "json",
    "args": ["no JSON"],
    "max_retries": 0,
    "queue_name": "a queue with a rather long name",
    "cron": "1,2,3,5,8,13,21,34,55 */2 1-7,15-21 1,4,7,10 1-5",
}


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    """The id of a task, and the name of a schedule, once there are some."""
    return {}


@pytest.fixture
def address(
    request: pytest.FixtureRequest,
    found: dict[str, str],
    enqueue: Enqueue,
    admin: httpx.Client,
    server_database: str,
) -> str:
    """The page, on a server on which some tasks have succeeded, failed, and wait, and a schedule has run and waits."""
    if not found:
        enqueue(queue_name="mail")
        enqueue(queue_name="mail", scheduled_at="2100-01-01T00:00:00Z")
        later = {**JOB, "queue_name": "many", "scheduled_at": "2100-01-01T00:00:00Z"}
        assert admin.post("/api/v1/enqueue/batch", json=[later] * 60).status_code == 201
        admin.patch("/api/v1/queues/in%20order", json={"order": "strict_per_key"}).raise_for_status()
        for _ in range(2):
            enqueue(**{**FAILING, **HELD})
        keys = "/api/v1/queues/in%20order/keys"
        eventually(lambda: [one for one in admin.get(keys).json() if one["holder"]["error"]])
        found["id"] = enqueue(queue_name="a queue with a rather long name", **FAILING, **TOLD)
        for name, timezone in (("nightly", "UTC"), (LONG_NAME, "America/Argentina/ComodRivadavia")):
            answer = admin.post("/api/v1/schedules", json={"name": name, "timezone": timezone, **SCHEDULED})
            assert answer.status_code == 201, answer.text
            for _ in range(3):
                admin.post(f"/api/v1/schedules/{name}/run")
            admin.post(
                f"/api/v1/schedules/{name}/pause", json={"reason": "the warehouse is being moved " * 3}
            )
        found["schedule"] = LONG_NAME
        answer = admin.post("/api/v1/workflows", json=WORKFLOW)
        assert answer.status_code == 201, answer.text
        found["workflow"] = answer.json()["workflow_id"]
        found["asking"] = enqueue(queue_name="orders", **ASKING)
        found["profiled"] = enqueue(**PROFILED)
        attempts = f"/api/v1/tasks/{found['profiled']}/attempts"
        [attempt] = eventually(lambda: admin.get(attempts).json())
        path = f"{attempts}/{attempt['started_at']}/profile"
        eventually(lambda: admin.get(path).status_code == HTTPStatus.OK)
        found["error"] = str(eventually(lambda: admin.get("/api/v1/errors").json())[0]["id"])
        link = eventually(lambda: asked(server_database, found["asking"]), 60)
        found["token"] = link.partition("token=")[2]
        found["worker"] = admin.get("/api/v1/workers").json()["workers"][0]["id"]
    return request.param.format(**found)


@pytest.mark.parametrize(
    ("address", "look"),
    list(zip(PAGES, itertools.cycle(LOOKS), strict=False)),
    indirect=["address"],
    ids=PAGES,
)
def test_it_keeps_nobody_out(page: Page, axe: CheckAccess, address: str, look: Look) -> None:
    scheme, wanted = look
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    expect(page.locator("main")).to_be_visible()
    assert page.locator("h1").count() == 1
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        # Charts follow a moment later.
        try:
            eventually(lambda width=width: page.evaluate(WIDER, width) == [])
        except AssertionError as error:
            error.add_note(f"too wide for {width}: {page.evaluate(WIDER, width)}")
            raise
    assert page.evaluate(SMALL_TARGETS) == []
    page.set_viewport_size({"width": wanted, "height": 844})
    if address in UNFOLDED:
        page.evaluate("for (const fold of document.querySelectorAll('main details')) fold.open = true")
    if address == "/docs":
        page.evaluate(ONE_OF_EACH)
    axe(page)

"""The pages of workflows, and the place of a task in one."""

import re
from typing import Any

import httpx
import pytest

from lapinq_api.dashboard.views import workflow
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn, add_worker, claim, complete

pytestmark = pytest.mark.http

CHILDREN = [f"fetch-{number}" for number in range(120)]


def part(ref: str, name: str, queue: str, *after: str) -> dict[str, Any]:
    return {"ref": ref, "task_name": name, "module_path": "shop", "queue_name": queue, "after": [*after]}


@pytest.fixture
def stored(signed_in: httpx.Client, api_database: str, queue: str) -> dict[str, Any]:
    """A workflow in which one child has failed, one runs and the others wait."""
    tasks = [
        part("list", "list_pages", queue),
        *(part(ref, "fetch", queue, "list") for ref in CHILDREN),
        part("sum", "sum_up", queue, *CHILDREN),
    ]
    found = signed_in.post("/api/v1/workflows", json={"name": queue, "tasks": tasks}).json()

    async def run(conn: Conn) -> None:
        worker = await add_worker(conn)
        await complete(conn, await claim(conn, worker, queue=queue))
        failing, _ = await claim(conn, worker, 2, queue)
        await worker_verbs.settle(conn, [Ended(failing.id, failing.token, True, True, 0, "ValueError: no")])

    on_connections(api_database, run)
    return found


def refs_of(page: httpx.Response) -> list[str]:
    assert page.status_code == 200
    return re.findall(r'<tr role="row" id="task-[^"]*">.*?<bdi>([^<]*)</bdi>', page.text, re.DOTALL)


def test_equal_siblings_are_one_box_that_leads_to_their_table(
    signed_in: httpx.Client, stored: dict[str, Any]
) -> None:
    ids = stored["task_ids"]
    address = f"/workflows/{stored['workflow_id']}"
    page = signed_in.get(address)
    boxes = re.findall(r'<a href="([^"]*)"[^>]*><svg role="img" aria-label="([^"]*)"', page.text)
    assert [label for _, label in boxes] == [
        "list: completed",
        "fetch × 120: 1 failed, 1 running, 118 pending",
        "sum: cancelled",
    ]
    assert "1 failed, 1 running…</text>" in page.text
    assert boxes[0][0] == f"../tasks/{ids['list']}"
    assert boxes[1][0] == f"?fold={ids['fetch-0']}#tasks"
    assert refs_of(page) == ["list", *CHILDREN[:99]]
    [older] = re.findall(r'href="(\?cursor=[^"]*)"', page.text)
    assert refs_of(signed_in.get(address + older)) == [*CHILDREN[99:], "sum"]
    fold = f"{address}?fold={ids['fetch-0']}"
    assert refs_of(signed_in.get(fold)) == CHILDREN[:100]
    assert refs_of(signed_in.get(f"{fold}&status=failed")) == [CHILDREN[0]]
    [cancelled] = re.findall(
        r'id="task-[^"]*">(.*?)</tr>', signed_in.get(f"{address}?status=cancelled").text, re.DOTALL
    )
    assert 'data-label="Because of">fetch-0<' in cancelled


def test_of_a_large_workflow_only_the_table_is_shown(
    signed_in: httpx.Client, stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "MAX_DRAWN", 121)
    page = signed_in.get(f"/workflows/{stored['workflow_id']}")
    assert "too large to be drawn. The table" in page.text
    assert refs_of(page) == ["list", *CHILDREN[:99]]
    [older] = re.findall(r'href="(\?cursor=[^"]*)"', page.text)
    assert refs_of(signed_in.get(f"/workflows/{stored['workflow_id']}{older}")) == [*CHILDREN[99:], "sum"]


def test_the_list_says_how_far_each_is(signed_in: httpx.Client, stored: dict[str, Any], queue: str) -> None:
    def rows(**params: str) -> list[str]:
        page = signed_in.get("/workflows", params=params)
        return re.findall(r'<tr role="row" id="workflow-.*?</tr>', page.text, re.DOTALL)

    [row] = rows(name=queue, status="running")
    assert f'href="workflows/{stored["workflow_id"]}"' in row
    assert 'data-label="Ended" class="number ended">3<span class="none"> / 122</span>' in row
    assert 'data-label="Failed" class="number">1<' in row
    assert rows(name=queue, status="completed") == []


def test_a_task_shows_its_place_to_whom_may_read_all_queues(
    signed_in: httpx.Client, stored: dict[str, Any], queue: str
) -> None:
    address = f"/tasks/{stored['task_ids']['fetch-5']}"
    page = signed_in.get(address).text
    assert f'href="../workflows/{stored["workflow_id"]}"' in page
    for ref, status in (("list", "completed"), ("sum", "cancelled")):
        assert (
            f'href="../tasks/{stored["task_ids"][ref]}"><bdi>{ref}</bdi></a> <span class="status {status}">'
            in page
        )
    user = add_user(signed_in)
    assert signed_in.post(f"/admin/users/{user['id']}/reads", json={"queues": [queue]}).is_success
    with browser(signed_in, user["username"], PASSWORD) as client:
        shown = client.get(address)
        assert shown.status_code == 200
        assert stored["workflow_id"] not in shown.text


@pytest.fixture
def waiting(signed_in: httpx.Client, queue: str) -> dict[str, Any]:
    """A workflow of which nothing has started: `b` waits for `a`, and takes its result."""
    second = {
        **part("b", "second", queue),
        "args": [{"$result": "a"}],
        "scheduled_at": "2099-01-01T00:00:00Z",
    }
    tasks = [part("a", "first", queue), second]
    return signed_in.post("/api/v1/workflows", json={"name": queue, "tasks": tasks}).json()


def test_a_task_that_waits_for_its_parents_is_called_blocked_and_never_due(
    signed_in: httpx.Client, waiting: dict[str, Any], queue: str
) -> None:
    blocked = waiting["task_ids"]["b"]
    pages = {
        name: signed_in.get(address).text
        for name, address in {
            "task": f"/tasks/{blocked}",
            "list": f"/tasks?queue={queue}",
            "search": f"/tasks?queue={queue}&state=blocked",
            "scheduled": f"/tasks?queue={queue}&state=scheduled",
            "due": f"/tasks?queue={queue}&sort=due",
            "queue": f"/queue?name={queue}",
            "queues": "/queues",
            "workflow": f"/workflows/{waiting['workflow_id']}",
        }.items()
    }
    assert [name for name, text in pages.items() if "9000-01" in text] == []
    shown = re.compile(rf'<tr role="row" id="task-{blocked}".*?</tr>', re.DOTALL)
    for name in ("list", "search"):
        [row] = shown.findall(pages[name])
        assert 'class="status pending blocked" title="pending">blocked<' in row
        assert 'data-actions="cancel delete"' in row
        assert "2099-01" not in row  # it may become due long before it may start
    for name in ("scheduled", "due"):
        assert not shown.search(pages[name])
    assert 'data-bulk="run"' not in pages["search"]
    assert 'class="status pending blocked"' in pages["task"]
    assert f"{blocked}/run" not in pages["task"]
    assert "1 task is scheduled, or waits for a retry, a signal or other tasks." in pages["queue"]


def test_code_to_copy_is_there_unless_it_would_take_references_as_data(
    signed_in: httpx.Client, waiting: dict[str, Any]
) -> None:
    first, second = (signed_in.get(f"/tasks/{waiting['task_ids'][ref]}").text for ref in "ab")
    assert 'id="code-curl"' in first
    assert 'id="code-curl"' not in second
    assert "Its arguments name results of other tasks of its workflow, so there is no code to copy." in second


def test_what_a_workflow_allows_is_offered_for_a_selection(
    signed_in: httpx.Client, stored: dict[str, Any], waiting: dict[str, Any], queue: str
) -> None:
    def actions(client: httpx.Client) -> list[str]:
        page = client.get("/workflows", params={"name": queue}).text
        return [" ".join(found.split()) for found in re.findall(r'data-actions="([^"]*)"', page)]

    assert actions(signed_in) == ["cancel", "cancel retry"]
    with browser(signed_in, add_user(signed_in, other=["requeue"])["username"], PASSWORD) as client:
        assert actions(client) == ["", "retry"]
    with browser(signed_in, add_user(signed_in)["username"], PASSWORD) as client:
        assert "data-select" not in client.get("/workflows", params={"name": queue}).text

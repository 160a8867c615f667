"""What the list of tasks offers to whom, and what it does not let anybody search for."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from lapinq_api.app import build_app
from lapinq_core.domain.tasks.state import Status
from lapinq_core.runtime.settings import Settings
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.integration.lapinq_api.dashboard.live.conftest import hear_until, opened, say
from tests.integration.lapinq_api.dashboard.views.tasks.test_tasks import TASKS, queue_of, row_of, shown
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser, log_in
from tests.support.http.serving import serving
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http


def offered(page: httpx.Response) -> set[str]:
    return set(re.findall(r'data-(?:bulk|each)="(\w+)"', page.text))


def test_an_admin_is_offered_what_makes_sense_for_each_task(
    signed_in: httpx.Client, made: dict[Status, str], queue: str, api_database: str
) -> None:
    page = signed_in.get(TASKS, params={"queue": queue_of(signed_in, made[Status.FAILED])})
    assert offered(page) == {"cancel", "requeue", "run", "delete"}
    for status, actions in (
        (Status.FAILED, "requeue delete"),
        (Status.RUNNING, "cancel"),
        (Status.PENDING, "cancel delete"),
        (Status.COMPLETED, "delete"),
    ):
        assert f'data-actions="{actions}"' in row_of(page, made[status]), status

    async def run(conn: Conn) -> list[str]:
        stopping, retrying = await enqueue(conn, 2, queue_name=queue)
        held = await claim(conn, await add_worker(conn), 2, queue=queue)
        [token] = [one.token for one in held if one.id == retrying]
        await worker_verbs.settle(conn, [Ended(retrying, token, False, True, 60, "ValueError: no")])
        return [stopping, retrying]

    stopping, retrying = on_connections(api_database, run)
    signed_in.delete(f"/api/v1/tasks/{stopping}", params={"running": "true"})
    page = signed_in.get(TASKS, params={"queue": queue})
    assert "stopping" in row_of(page, stopping)
    assert 'data-actions=""' in row_of(page, stopping)
    assert 'data-actions="cancel run delete"' in row_of(page, retrying)


def test_somebody_is_offered_what_they_may_do(
    api: httpx.Client, signed_in: httpx.Client, made: dict[Status, str], queue: str
) -> None:
    here = queue_of(signed_in, made[Status.FAILED])
    requeueing = add_user(signed_in, "user", **{here: ["requeue"]})
    deleting = add_user(signed_in, "user", **{here: ["cancel", "delete"]})
    task = {"module_path": "math", "task_name": "factorial", "queue_name": queue}
    elsewhere = signed_in.post("/api/v1/enqueue", json=task).json()["task_id"]
    with browser(api, requeueing["username"], PASSWORD) as client:
        page = client.get(TASKS, params={"queue": here})
        assert offered(page) == {"requeue", "run"}
        assert 'data-actions="requeue"' in row_of(page, made[Status.FAILED])
        assert 'data-actions=""' in row_of(page, made[Status.RUNNING])
        assert 'data-bulk="requeue"' in page.text
        for query in ({}, {"queue": queue}):
            assert "data-bulk" not in client.get(TASKS, params=query).text
    with browser(api, deleting["username"], PASSWORD) as client:
        page = client.get(TASKS)
        assert 'data-actions="cancel delete"' in row_of(page, made[Status.PENDING])
        assert 'data-actions=""' in row_of(page, elsewhere)


def test_a_call_for_all_that_match_is_for_just_these(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    async def run(conn: Conn) -> None:
        await fail(conn, 2, "ValueError: 50% done", queue_name=queue)
        await fail(conn, 1, "ValueError: 50 done", queue_name=queue)

    on_connections(api_database, run)
    page = signed_in.get(TASKS, params={"queue": queue, "error": "50% done", "since": "1h"})
    assert len(shown(page)) == 2
    [(query, since)] = re.findall(
        r'data-bulk="delete" data-query="([^"]+)" data-since="([^"]+)"', html.unescape(page.text)
    )
    assert since == "3600"
    answer = signed_in.delete(f"/api/v1/tasks?{query}&dry_run=true")
    assert answer.json()["matching"] == 2
    at = datetime.fromisoformat(httpx.URL(f"http://x/?{query}").params["since"])
    assert abs(at - (datetime.now(UTC) - timedelta(hours=1))) < timedelta(minutes=1)


def test_it_is_offered_where_it_can_be_said_and_makes_sense(signed_in: httpx.Client, queue: str) -> None:
    def bulk(**query: str) -> set[str]:
        page = signed_in.get(TASKS, params={"queue": queue, **query})
        return set(re.findall(r'data-bulk="(\w+)"', page.text))

    assert bulk() == {"cancel", "requeue", "run", "delete"}
    assert bulk(status="failed") == {"requeue", "delete"}
    assert bulk(status="pending") == {"cancel", "run", "delete"}
    assert bulk(status="completed") == {"delete"}
    assert bulk(status="running") == bulk(sort="longest") == bulk(arguments="%" * 501) == set()
    assert bulk(state="ready") == {"cancel", "delete"}
    assert bulk(state="retrying,failed") == {"cancel", "requeue", "run", "delete"}
    assert bulk(state="ready", status="failed") == set()
    assert bulk(queues=f"{queue},b", not_errors="x", sort="due") == {"cancel", "run", "delete"}


# What is hidden


@pytest.fixture(scope="module")
def hiding(api_database: str) -> Iterator[httpx.Client]:
    settings = Settings(database_url=api_database, redact=("password",), session_secret="s")
    with serving(build_app(settings)) as client:
        yield client


def test_nobody_searches_for_what_is_hidden_from_them(hiding: httpx.Client, made: dict[Status, str]) -> None:
    with browser(hiding) as admin:
        queue = queue_of(admin, made[Status.COMPLETED])
        with_it = add_user(admin, "user", **{queue: ["payload"]})
        without = add_user(admin)
        assert admin.get(TASKS, params={"arguments": "1"}).status_code == 200
    with browser(hiding, without["username"], PASSWORD) as client:
        hidden: list[dict[str, str]] = [
            {"args": "1"},
            {"q": "kwargs:1"},
            {"queue": queue, "result": "done"},
            {"metadata": "1", "queue": queue},
            {"q": "args:1", "queues": f"{queue},b"},
        ]
        for query in hidden:
            page = client.get(TASKS, params=query, follow_redirects=True)
            assert page.status_code == 403
            assert "may not search" in page.text
            assert made[Status.COMPLETED] not in page.text
        assert client.get(TASKS, params={"queue": queue, "error": "e"}).status_code == 200
    with browser(hiding, with_it["username"], PASSWORD) as client:
        assert client.get(TASKS, params={"queue": queue, "arguments": "1"}).status_code == 200
        assert client.get(TASKS, params={"arguments": "1"}).status_code == 403
        assert client.get(TASKS, params={"arguments": "1", "queues": f"{queue},b"}).status_code == 403


def test_previews_of_arguments_hide_what_the_page_of_the_task_hides(
    hiding: httpx.Client, queue: str, api_database: str
) -> None:
    task_id = on_connections(
        api_database,
        partial(
            enqueue, queue_name=queue, args=["a@b", {"password": "p1"}], kwargs={"password": "p2", "n": 3}
        ),
    )[0]
    with browser(hiding) as admin:
        seen = row_of(admin.get(TASKS, params={"queue": queue}), task_id)
        assert '"a@b", {"password":"p1"}, password="p2", n=3' in html.unescape(seen)
        user = add_user(admin)
    with browser(hiding, user["username"], PASSWORD) as client:
        seen = row_of(client.get(TASKS, params={"queue": queue}), task_id)
        assert '"a@b", {"password":"[hidden]"}, password="[hidden]", n=3' in html.unescape(seen)


def test_a_live_page_does_not_show_it_either(hiding: httpx.Client, made: dict[Status, str]) -> None:
    with browser(hiding) as admin, browser(hiding, None) as client:
        queue = queue_of(admin, made[Status.COMPLETED])
        token = log_in(client, add_user(admin)["username"], PASSWORD)
    for address in ("tasks?args=1", "tasks?q=args:1", f"tasks?queue={queue}&result=done"):
        with opened(hiding) as socket:
            say(socket, type="auth", token=token)
            say(socket, type="watch", page=address)

            def refused(message: dict[str, Any]) -> bool:
                assert "parts" not in message
                return "may not search" in message.get("error", "")

            hear_until(socket, refused)

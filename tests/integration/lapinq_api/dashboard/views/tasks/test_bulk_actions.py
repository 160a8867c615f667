"""The page of the bulk actions, and the note of those that run above the list of tasks."""

import re
from functools import partial

import httpx
import psycopg
import pytest

from tests.integration.lapinq_api.routes.bulk.test_bulk_actions import ended, start
from tests.integration.lapinq_api.routes.bulk.test_bulk_bounds import holding, walking
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import enqueue

pytestmark = pytest.mark.http


def test_the_list_tells_of_each_and_the_tasks_page_of_those_that_run(
    signed_in: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    def rows(client: httpx.Client = signed_in) -> list[str]:
        page = client.get("/bulk-actions")
        assert page.status_code == 200
        return re.findall(r'<tr role="row" id="bulk-.*?</tr>', page.text, re.DOTALL)

    def note(client: httpx.Client = signed_in) -> str:
        found = re.search(r'<section class="bulk-active".*?</section>', client.get("/tasks").text, re.DOTALL)
        return found[0] if found else ""

    assert rows() == []
    assert note() == ""
    first, *_ = on_connections(api_database, partial(enqueue, count=3, queue_name=queue, args=["1%"]))
    with holding(api_database, first):
        started = start(signed_in, "delete", queue=queue, args=r"1\%", expected=1234)
        eventually(lambda: walking(db) == 1)
        (running,) = rows()
        for shown in (running, note()):
            assert "<strong>Delete</strong>" in shown
            assert f"<bdi>{queue}</bdi>" in shown
            assert "<bdi>1%</bdi>" in shown, "as it was typed"
            assert '<progress max="1234" value="0"' in shown
            assert f'data-to="api/v1/bulk-actions/{started["id"]}/stop"' in shown
        assert "by lapinq" not in running
        with browser(
            signed_in, add_user(signed_in, "user", **{queue: ["cancel"]})["username"], PASSWORD
        ) as user:
            assert "0 of 1" in note(user)
            assert "/stop" not in note(user) + rows(user)[0], "it takes the permission to delete"
        signed_in.post(f"/api/v1/bulk-actions/{started['id']}/stop")
    (stopped,) = rows()
    assert 'class="status cancelled">stopped' in stopped
    assert "by lapinq" in stopped
    assert "/stop" not in stopped
    assert note() == ""

    cancelled = ended(signed_in, start(signed_in, "cancel", queue=queue))
    assert cancelled["done"] == 3
    newest, _ = rows()
    assert 'class="status completed">completed' in newest
    assert "3 tasks" in newest
    assert f'href="tasks?queue={queue.replace(" ", "+")}"' in newest

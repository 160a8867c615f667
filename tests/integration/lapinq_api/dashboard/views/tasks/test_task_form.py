"""The forms for a new task and for another run of one: what they offer to whom, and what they keep to themselves."""

import re
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.domain.annotations.form_fields import form_fields
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.fleet import workers
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.programs.command_line import noted
from tests.support.rows.factories import Conn, add_worker, enqueue
from tests.support.sample.typed import report, take

pytestmark = pytest.mark.http

MODULE = "shop.reports"
SECRET = "hunter22"


@pytest.fixture(scope="module", autouse=True)
def _known(api_database: str) -> None:
    """A worker knows `report` and `take`."""

    async def make(conn: Conn) -> None:
        known = [
            Registered("report", MODULE, "reports", {"max_retries": 1, "timeout": 20}, _takes(report)),
            Registered("take", MODULE, None, {}, _takes(take)),
            Registered("old", MODULE, None, {}),
        ]
        await workers.record_registered(conn, await add_worker(conn), known)

    on_connections(api_database, make)


def _takes(task: Any) -> Any:
    return form_fields(task.__wrapped__)


def again(client: httpx.Client, database: str, **fields: Any) -> str:
    [task_id] = on_connections(database, partial(enqueue, module_path=MODULE, **fields))
    answer = client.get(f"/tasks/{task_id}/again")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_known_tasks_are_offered_with_a_form_of_their_parameters_and_others_with_json(
    signed_in: httpx.Client,
) -> None:
    page = signed_in.get("/tasks/new").text
    assert "(quarter: str, copies: int = 1, *, size: Literal[&#39;small&#39;, &#39;large&#39;]" in page
    assert "old</a><code>(…)</code>" in page
    assert 'href="../tasks/new?task=report&amp;module=shop.reports"' in page
    found = signed_in.get("/tasks/new?q=TAKE").text
    assert ">take</a>" in found
    assert ">report</a>" not in found
    page = signed_in.get(f"/tasks/new?task=report&module={MODULE}").text
    for name in ("quarter", "copies", "size", "until", "is_draft", "filters"):
        assert f'data-argument="{name}"' in page
    # What the decorator sets.
    assert 'name="queue_name" data-kind="text" aria-describedby="wrong-queue_name" value="reports"' in page
    assert 'name="max_retries"' in page
    assert 'type="number" value="20" min="0"' in page
    assert re.search('type="submit"[^>]* disabled>', page)  # until its script runs
    for address in ("/tasks/new?any=1", "/tasks/new?task=x&module=y", f"/tasks/new?task=old&module={MODULE}"):
        page = signed_in.get(address).text
        assert 'name="args"' in page
        assert "data-argument" not in page


def test_another_run_starts_from_the_values_of_the_earlier_one(
    signed_in: httpx.Client, api_database: str
) -> None:
    page = again(signed_in, api_database, task_name="report", args=["Q3"], kwargs={"size": "large"})
    assert 'value="Q3"' in page
    assert '<option value="&#34;large&#34;" selected>' in page
    keyed = again(signed_in, api_database, task_name="report", key="acme", limits={"openai": 1200})
    assert 'name="key" data-kind="text" aria-describedby="hint-key wrong-key" value="acme"' in keyed
    assert "&#34;openai&#34;: 1200" in keyed
    odd = again(signed_in, api_database, task_name="report", args=["Q3", 1, 2, 3])
    assert "data-argument" not in odd
    assert "&#34;Q3&#34;" in odd


def test_what_is_hidden_is_neither_in_the_form_nor_told_as_a_default(serve: Serve, api_database: str) -> None:
    server = serve(session_secret="s", redact=("quarter", "args", "copies"))
    earlier = {"task_name": "report", "queue_name": "mail", "args": [SECRET]}

    def told(client: httpx.Client) -> tuple[bool, bool, bool]:
        [known] = [one for one in client.get("/api/v1/registered").json() if one["task_name"] == "report"]
        [copies] = [one for one in known["parameters"] if one["name"] == "copies"]
        form = client.get(f"/tasks/new?task=report&module={MODULE}").text
        return "default" in copies, "copies: int = 1" in client.get("/tasks/new").text, "Default: 1" in form

    with browser(server) as admin:
        person = add_user(admin, mail=["enqueue"])
        assert SECRET in again(admin, api_database, **earlier)
        assert told(admin) == (True, True, True)
    with browser(server, person["username"], PASSWORD) as client:
        page = again(client, api_database, **earlier)
        assert SECRET not in page
        assert "Arguments contains values that are hidden from you" in page
        assert "data-argument" not in page
        assert told(client) == (False, False, False)
        assert "copies: int = …, *, size: Literal" in client.get("/tasks/new").text


def test_the_forms_are_for_those_who_may_enqueue(
    signed_in: httpx.Client, api: httpx.Client, api_database: str
) -> None:
    person = add_user(signed_in, mail=["enqueue"])
    with browser(api, person["username"], PASSWORD) as client:
        assert '<form class="form-page' in again(client, api_database, task_name="take", queue_name="mail")
        refused = again(client, api_database, task_name="take", queue_name="video")
        assert "You may not run tasks in queue video." in refused
        assert '<form class="form-page' not in refused
        assert "Another function" not in client.get("/tasks/new").text
    with browser(api, add_user(signed_in)["username"], PASSWORD) as client:
        assert "You may not run tasks." in client.get("/tasks/new").text
        page = client.get("/tasks").text
        assert "tasks/new" not in page
        assert 'aria-label="New task: Needs the permission “enqueue” on a queue"' in page


def test_what_a_user_enqueues_is_in_the_audit_log(
    signed_in: httpx.Client, api: httpx.Client, api_database: str, db: psycopg.Connection
) -> None:
    db.execute("DELETE FROM lapinq_audit")
    body = {"task_name": "take", "module_path": MODULE, "queue_name": "mail"}
    by_user = signed_in.post("/api/v1/enqueue", json=body).json()["task_id"]
    assert api.post("/api/v1/enqueue", json=body).status_code == 201  # a program, on an open API
    assert api.post("/api/v1/enqueue/batch", json=[body]).status_code == 201
    expected = [("user", "lapinq", "task.enqueue", by_user, {"queue": "mail", "task_name": "take"})]
    assert noted(api_database) == expected

    for key in (new_id(), "some key"):  # the first is the id of the task, the other is stored
        answers = [
            signed_in.post("/api/v1/enqueue", json=body, headers={"Idempotency-Key": key}) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        expected.append((*expected[0][:3], answers[0].json()["task_id"], expected[0][4]))
    assert noted(api_database) == expected

    batch = [body, {**body, "queue_name": "video"}]
    for tasks in (batch, []):
        headers = {"Idempotency-Key": f"{len(tasks)} tasks"}
        assert signed_in.post("/api/v1/enqueue/batch", json=tasks, headers=headers).status_code == 201
    many = {"count": 2, "queues": ["mail", "video"]}
    assert noted(api_database) == [*expected, ("user", "lapinq", "task.enqueue_many", None, many)]

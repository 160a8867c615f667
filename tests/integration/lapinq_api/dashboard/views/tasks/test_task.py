"""The page of a task: what it shows to whom, and that nothing in it is run or trusted."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_core.domain.annotations.form_fields import form_fields
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.domain.tasks.state import Status
from lapinq_core.error_groups import recording
from lapinq_core.fleet import workers
from lapinq_core.runtime.settings import Settings
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.serving import serving
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue, pause
from tests.support.rows.failures import failures

pytestmark = pytest.mark.http

NIL = "00000000-0000-0000-0000-000000000000"
ERROR = "smtp.Refused: no such address"
TRACEBACK = f"""Traceback (most recent call last):
  File "/srv/shop/mail.py", line 7, in send
    mail(address)
  File "/srv/.venv/lib/python3.12/site-packages/smtp/client.py", line 12, in mail
    raise Refused(address)
{ERROR}
"""


@pytest.fixture(scope="module")
def hiding(api_database: str) -> Iterator[httpx.Client]:
    """A server that hides passwords."""
    with serving(build_app(Settings(database_url=api_database, redact=("password",)))) as client:
        yield client


def transfer(account: str, amount: int) -> None: ...


def made_of(database: str, **fields: Any) -> str:
    [task_id] = on_connections(database, partial(enqueue, **fields))
    return task_id


def ended_of(database: str, queue: str, result: str | None, **fields: Any) -> str:
    """The id of a task that completed with `result`, or failed."""

    async def make(conn: Conn) -> str:
        [task_id] = await enqueue(conn, queue_name=queue, **fields)
        [held] = await claim(conn, await add_worker(conn), queue=queue)
        if result is not None:
            await complete(conn, [held], result)
        else:
            ended = Ended(held.id, held.token, True, True, 0, ERROR, TRACEBACK, logs="a line")
            await worker_verbs.settle(conn, [ended])
        return task_id

    return on_connections(database, make)


def buttons(html: str) -> dict[str, str]:
    """What the buttons of the page say, and what they call."""
    found = re.findall(r'data-method="(\w+)" data-to="([^"]+)"[^>]*>([^<]+)<', html)
    return {label: f"{method} {unescape(to)}" for method, to, label in found}


def test_a_task_of_every_status_has_its_page(signed_in: httpx.Client, made: dict[Status, str]) -> None:
    calls = {
        Status.PENDING: {"Cancel", "Delete"},
        Status.RUNNING: {"Ask to stop"},
        Status.FAILED: {"Retry this task", "Delete"},
    }
    for status, task_id in made.items():
        page = signed_in.get(f"/tasks/{task_id.upper()}").text
        assert f'<span class="status {status}' in page
        assert task_id in page
        assert set(buttons(page)) == {"Run as a new task", "Profile"} | calls.get(status, {"Delete"}), status


def test_it_says_what_the_task_is_and_where_to_find_its_like(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    fields = {"task_name": "a b", "priority": 7, "timeout_seconds": 90}
    fields |= {"key": "a&b", "limits": {"openai": 1200, "gpu": 1}}
    task_id = made_of(api_database, queue_name=f"{queue}&x", **fields)
    html = signed_in.get(f"/tasks/{task_id}").text
    for piece in (
        'href="../function?name=a%20b"',
        f'href="../queue?name={queue.replace(" ", "%20")}%26x"',
        "<dd>7</dd>",
        "<dd>1 min 30 s</dd>",
        "<dd>0 of 4</dd>",
        'href="../key?name=a%26b"><code>a&amp;b</code></a>',
        "<code>gpu</code> 1, <code>openai</code> 1\u202f200</dd>",
    ):
        assert piece in html
    found = signed_in.get("/tasks", params={"q": "key:a&b"}, follow_redirects=True)
    assert dict(found.url.params) == {"key": "a&b"}
    assert task_id in found.text
    assert task_id not in signed_in.get("/tasks", params={"key": "a"}).text


def test_it_tells_when_retries_would_follow_and_the_limit_that_its_workers_set(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    path = f"/tasks/{made_of(api_database, queue_name=queue)}"
    html = signed_in.get(path).text
    assert "<dd>3</dd>" in html, "without a worker nobody knows when"
    assert "<dd>worker default</dd>" in html

    async def report(retry_delays: list[float], conn: Conn) -> None:
        known = Registered("add", "tests.support.sample.tasks", "", {}, [], retry_delays=retry_delays)
        await workers.record_registered(conn, await add_worker(conn, queues=[f"{queue} known"]), [known])

    cases: list[tuple[dict[str, Any], list[float], str]] = [
        ({"max_retries": 0}, [], "none"),
        ({"max_retries": 0}, [5], "none"),
        ({"max_retries": 1}, [], "1, after 10 s"),
        ({}, [], "3, after 10 s, doubled each time up to 40 s"),
        ({"retry_delay": 3600, "retry_backoff": False}, [], "3, every 1 h"),
        ({"retry_delay": 0}, [], "3, immediately"),
        ({}, [5, 60], "3, after 5 s at first and 1 min at last (set by the function)"),
        ({"retry_delay": 3600}, [30], "3, every 30 s (set by the function)"),
    ]
    for options, delays, sentence in cases:
        on_connections(api_database, partial(report, delays))
        html = signed_in.get(f"/tasks/{made_of(api_database, queue_name=f'{queue} known', **options)}").text
        assert f"<dd>{sentence}</dd>" in html, options
    on_connections(api_database, partial(add_worker, queues=["other"], timeout_seconds=7.0))
    for seconds, shown in (
        (300.0, "5 min (worker default)"),
        (90.0, "1 min 30 s or 5 min (worker default)"),
        (3600.0, "1 min 30 s to 1 h (worker default)"),
    ):
        on_connections(api_database, partial(add_worker, queues=[queue], timeout_seconds=seconds))
        assert f"<dd>{shown}</dd>" in signed_in.get(path).text, seconds


def test_a_page_shows_one_moment(
    signed_in: httpx.Client, api_database: str, queue: str, db: psycopg.Connection
) -> None:
    """A worker claims the task while the page is being read."""
    task_id = made_of(api_database, queue_name=queue, metadata={"schedule": "none"})
    with ThreadPoolExecutor(1) as thread, psycopg.connect(api_database) as other:
        other.execute("LOCK TABLE lapinq_schedules")  # which is read between the head and the timeline
        reading = thread.submit(signed_in.get, f"/tasks/{task_id}")
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'lapinq_schedules'::regclass"
        eventually(lambda: db.execute(waiting).fetchone() is not None)

        async def take(conn: Conn) -> None:
            await claim(conn, await add_worker(conn), queue=queue)

        on_connections(api_database, take)
        other.rollback()
        html = reading.result().text
    assert '<span class="status pending' in html
    assert '<span class="status running' not in html
    assert 'class="task-why' in html
    assert "Attempt 1" not in html


def test_a_result_of_any_size_and_shape_has_a_page_of_bounded_size(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    for name, result, bound in (
        ("large", json.dumps("<" * 3_000_000), 150_000),
        ("deep", "[" * 90 + "]" * 90, 700_000),
        ("many", json.dumps([[]] * 2_600), 700_000),
        ("script", json.dumps(["&"] * 24_000), 700_000),
        ("keys", json.dumps(dict.fromkeys(map(str, range(700)), 0)), 700_000),
    ):
        task_id = ended_of(api_database, queue, result)
        html = signed_in.get(f"/tasks/{task_id}").text
        assert len(html) < bound, name
        assert name != "large" or f'href="../api/v1/tasks/{task_id}/result"' in html


def test_a_failure_names_its_like_and_the_last_good_run(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    good = ended_of(api_database, queue, "1", args=["a", 7], kwargs={"to": "ada"})
    failed = ended_of(api_database, queue, None, args=["b", 7], kwargs={"to": "ada"})

    async def count(conn: Conn) -> None:
        await recording.record(
            conn, [failures(ERROR, queue=queue, task="add", failed=24, traceback=TRACEBACK)]
        )

    html = signed_in.get(f"/tasks/{failed}").text
    assert "like this" not in html
    assert "1 library frame" in html
    assert 'id="logs-' in html
    on_connections(api_database, count)
    html = signed_in.get(f"/tasks/{failed}").text
    assert re.search(r'<a href="../errors/\d+">24 failures like this</a>', html)
    assert f'<a href="../tasks/{good}"' in html
    assert "<code>args[0]</code>" in html
    assert "<code>args[1]</code>" not in html

    async def report(conn: Conn) -> None:
        told = [Registered("add", "tests.support.sample.tasks", queue, {}, form_fields(transfer))]
        await workers.record_registered(conn, await add_worker(conn, queues=[queue]), told)

    on_connections(api_database, report)
    html = signed_in.get(f"/tasks/{failed}").text
    assert "<code>account</code>" in html
    assert 'data-names="account amount"' in html
    again = ended_of(api_database, queue, None, args=["a", 7], kwargs={"to": "ada"})
    assert "with the same arguments" in signed_in.get(f"/tasks/{again}").text
    for task_id in (good, made_of(api_database, queue_name=queue)):
        assert "good run" not in signed_in.get(f"/tasks/{task_id}").text


def test_an_attempt_is_chosen_by_its_start(signed_in: httpx.Client, api_database: str, queue: str) -> None:
    failed = ended_of(api_database, queue, None)
    [attempt] = signed_in.get(f"/api/v1/tasks/{failed}/attempts").json()
    assert signed_in.post(f"/api/v1/tasks/{failed}/requeue").status_code == 200
    html = signed_in.get(f"/tasks/{failed}").text
    assert "Retried by lapinq" in html
    assert "Why it failed" not in html
    for started_at, status in ((attempt["started_at"], 200), ("2026-01-31T12:00:00Z", 404), ("x", 400)):
        assert signed_in.get(f"/tasks/{failed}", params={"attempt": started_at}).status_code == status


def test_a_task_that_waits_says_why_and_what_to_do(
    signed_in: httpx.Client, api_database: str, queue: str, db: psycopg.Connection
) -> None:
    db.execute("DELETE FROM lapinq_workers")  # those of other tests
    soon = datetime.now(UTC) + timedelta(hours=1)
    path = f"/tasks/{made_of(api_database, queue_name=queue, scheduled_at=soon)}"
    run_now = buttons(signed_in.get(path).text)["Run now"]
    assert run_now == f"POST api/v1{path}/run"
    assert signed_in.post(f"/{run_now.split()[1]}").status_code == 200
    html = signed_in.get(path).text
    assert "Run now" not in buttons(html)
    assert f"lapinq worker --queue &#39;{queue}&#39;" in html
    on_connections(api_database, partial(pause, queue=queue))
    html = signed_in.get(path).text
    assert "was paused" in html
    assert buttons(html)["Resume the queue"] == f"POST api/v1/queues/{quote(queue)}/resume"


def test_a_deletion_from_the_page_takes_that_task_alone(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    deleted, other = (made_of(api_database, queue_name=f"{queue}&x=%26") for _ in range(2))
    call = buttons(signed_in.get(f"/tasks/{deleted}").text)["Delete"]
    assert signed_in.delete(f"/{call.removeprefix('DELETE ')}").json()["deleted"] == 1
    assert signed_in.get(f"/tasks/{deleted}").status_code == 404
    assert signed_in.get(f"/tasks/{other}").status_code == 200


def test_it_tells_what_became_of_its_webhooks(
    signed_in: httpx.Client, api_database: str, queue: str, db: psycopg.Connection
) -> None:
    task_id = ended_of(api_database, queue, "1", webhook_url="https://example.org/done")
    html = signed_in.get(f"/tasks/{task_id}").text
    assert "not delivered yet" in html
    db.execute(
        "UPDATE lapinq_webhooks SET state = 'given_up', answer = 500, failure = 'it answered 500' WHERE task_id = %s",
        (task_id,),
    )
    html = signed_in.get(f"/tasks/{task_id}").text
    assert "Answered 500" in html
    assert re.fullmatch(r"POST api/v1/webhooks/[0-9a-f-]{36}/resend", buttons(html)["Send again"])


def test_what_is_hidden_from_somebody_is_nowhere_on_the_page(
    hiding: httpx.Client, api_database: str, queue: str
) -> None:
    carried: dict[str, Any] = {
        "kwargs": {"password": "hunter2", "to": "ada"},
        "args": [{"Password": ["hunter2"]}],
    }
    small = ended_of(api_database, queue, '{"password": "hunter2"}', **carried)
    large = ended_of(api_database, queue, json.dumps({"a": "hunter2", "b": "x" * 200_000}))
    with browser(hiding) as admin:
        sees = add_user(admin, "user", **{queue: ["payload", "enqueue"]})
        sees_not = add_user(admin, "user", **{queue: ["enqueue"]})
    for user, is_seen in ((sees, True), (sees_not, False)):
        with browser(hiding, user["username"], PASSWORD) as client:
            for task_id in (small, large):
                html = client.get(f"/tasks/{task_id}").text
                assert ("hunter2" in html) is is_seen
                assert ("[hidden]" in html) is not is_seen
            html = client.get(f"/tasks/{small}").text
            assert ("curl " in html) is is_seen
            assert "ada" in html


def test_a_large_value_is_searched_on_the_server(hiding: httpx.Client, api_database: str, queue: str) -> None:
    text = json.dumps({"password": "x" * 200_000, "a": ["Needle"] * 30}, ensure_ascii=False)
    task_id = ended_of(api_database, queue, text)
    path = f"/tasks/{task_id}/find"
    with browser(hiding) as admin:
        found = admin.get(path, params={"field": "result", "text": "needle"}).json()
        assert (len(found["excerpts"]), found["has_more"]) == (20, True)
        assert found["excerpts"][0]["found"] == "Needle"
        assert found["excerpts"][0]["before"].endswith('"a": ["')
        nothing: dict[str, Any] = {"excerpts": [], "has_more": False}
        for field, wanted in (("result", "absent"), ("kwargs", "needle"), ("metadata", "needle")):
            assert admin.get(path, params={"field": field, "text": wanted}).json() == nothing
        for query in (
            {"field": "error", "text": "a"},
            {"field": "args"},
            {"field": "args", "text": "a" * 201},
        ):
            answer = admin.get(path, params=query)
            assert answer.status_code == 400
            assert answer.json()["details"][0]["loc"] in (["field"], ["text"]) or answer.json()["error"]
        assert admin.get(f"/tasks/{NIL}/find", params={"field": "args", "text": "a"}).status_code == 404
        sees_not = add_user(admin, "user", **{queue: ["enqueue"]})
    with browser(hiding, sees_not["username"], PASSWORD) as client:
        answer = client.get(path, params={"field": "result", "text": "needle"})
        assert answer.status_code == 403
        assert "may not search result" in answer.json()["error"]
    assert hiding.get(path, params={"field": "result", "text": "a"}).status_code in {303, 401}


def test_the_command_names_the_key_where_the_api_takes_one(
    signed_in: httpx.Client, serve: Serve, api_database: str, queue: str
) -> None:
    task_id = made_of(api_database, queue_name=queue)
    assert "X-API-Key: …" not in signed_in.get(f"/tasks/{task_id}").text
    with browser(serve(api_key="topsecret")) as client:
        html = client.get(f"/tasks/{task_id}").text
        assert "X-API-Key: …" in html
        assert "topsecret" not in html

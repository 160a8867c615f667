"""The page of a task: what it shows to whom, and that nothing in it is run or trusted."""

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from lapinq_core.domain.tasks.state import Status
from lapinq_core.error_groups import recording
from lapinq_core.error_groups.recording import Failures
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.filters import first_line, kind_of
from lapinq_core.tasks.worker_verbs import Ended
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue, pause

pytestmark = pytest.mark.http

Serve = Callable[..., httpx.Client]

NIL = "00000000-0000-0000-0000-000000000000"
HOSTILE = "</script><script>alert(\"1\")</script>' onload='x \u202eevil"
TRACEBACK = f"""Traceback (most recent call last):
  File "/srv/shop/{HOSTILE}.py", line 7, in send
    mail(address)
  File "/srv/.venv/lib/python3.12/site-packages/smtp/client.py", line 12, in mail
    raise Refused(address)
smtp.Refused: {HOSTILE}
"""


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
            ended = Ended(held.id, held.token, True, True, 0, HOSTILE, TRACEBACK, logs=f"a line\n{HOSTILE}")
            await worker_verbs.settle(conn, [ended])
        return task_id

    return on_connections(database, make)


def buttons(html: str) -> dict[str, str]:
    """What the buttons of the page say, and what they call."""
    found = re.findall(r'data-method="(\w+)" data-to="([^"]+)"[^>]*>([^<]+)<', html)
    return {label: f"{method} {unescape(to)}" for method, to, label in found}


@pytest.mark.parametrize("status", Status)
def test_a_task_of_every_status_has_its_page(
    signed_in: httpx.Client, made: dict[Status, str], status: Status
) -> None:
    page = signed_in.get(f"/tasks/{made[status].upper()}")
    assert page.status_code == 200
    assert f'<span class="status {status}' in page.text
    assert made[status] in page.text
    calls = {
        Status.PENDING: {"Cancel", "Delete"},
        Status.RUNNING: {"Ask to stop"},
        Status.FAILED: {"Requeue", "Delete"},
    }
    assert set(buttons(page.text)) == {"Run again", "Profile"} | calls.get(status, {"Delete"})


def test_an_unknown_task_and_a_malformed_id_are_told_by_a_page(signed_in: httpx.Client) -> None:
    for path, status in ((NIL, 404), ("x", 400), (NIL[:-1], 400)):
        answer = signed_in.get(f"/tasks/{path}")
        assert answer.status_code == status, path
        assert answer.headers["content-type"].startswith("text/html")
    assert "there is no task with this id" in signed_in.get(f"/tasks/{NIL}").text


def test_what_it_is_and_where_to_find_its_like(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    html = signed_in.get(
        f"/tasks/{made_of(api_database, queue_name=f'{queue}&x', task_name='a b', priority=7, timeout_seconds=90)}"
    ).text
    assert 'href="../function?name=a%20b"' in html
    assert f'href="../queue?name={queue.replace(" ", "%20")}%26x"' in html
    assert "<dd>7</dd>" in html
    assert "<dd>1 min 30 s</dd>" in html
    assert "<dd>0 of 4</dd>" in html


def test_its_key_leads_to_its_like_and_its_limits_are_told(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    task_id = made_of(api_database, queue_name=queue, key="a&b", limits={"openai": 1200, "gpu": 1})
    html = signed_in.get(f"/tasks/{task_id}").text
    assert 'href="../tasks?key=a%26b"><code>a&amp;b</code></a>' in html
    assert "<code>gpu</code> 1, <code>openai</code> 1\u202f200</dd>" in html
    found = signed_in.get("/tasks", params={"q": "key:a&b"}, follow_redirects=True)
    assert dict(found.url.params) == {"key": "a&b"}
    assert task_id in found.text
    assert task_id not in signed_in.get("/tasks", params={"key": "a"}).text


def test_a_limit_that_the_task_does_not_set_is_that_of_the_workers_of_its_queue(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    task_id = made_of(api_database, queue_name=queue)
    page = partial(signed_in.get, f"/tasks/{task_id}")
    on_connections(api_database, partial(add_worker, queues=["other"], timeout_seconds=7.0))
    assert "<dd>worker default</dd>" in page().text
    cases = [
        (300.0, "5 min (worker default)"),
        (300.0, "5 min (worker default)"),
        (None, "5 min (worker default)"),
        (90.0, "1 min 30 s or 5 min (worker default)"),
        (3600.0, "1 min 30 s to 1 h (worker default)"),
    ]
    for seconds, shown in cases:
        on_connections(api_database, partial(add_worker, queues=[queue], timeout_seconds=seconds))
        assert f"<dd>{shown}</dd>" in page().text, seconds


def test_what_users_named_and_what_tasks_said_is_escaped(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    task_id = ended_of(
        api_database,
        f"{queue} {HOSTILE}".replace("\u202e", ""),
        None,
        task_name=HOSTILE,
        args=[HOSTILE, {HOSTILE: [HOSTILE]}],
        metadata={HOSTILE: HOSTILE},
        webhook_url="https://example.org/'><b>",
    )
    html = signed_in.get(f"/tasks/{task_id}").text
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert html.count("\\u202eevil") >= 6  # arguments, metadata, error, traceback, log
    assert not re.search(
        r"<style|\sstyle=|<[^>]+\son\w+=|<script(?![^>]*\ssrc=)", re.sub(r'"[^"]*"', '""', html)
    )
    assert "&lt;/script&gt;" in html
    assert "1 library frame" in html
    assert 'id="logs-' in html


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_retries": 0}, "none"),
        ({"max_retries": 1}, "1, after 10 s"),
        ({}, "3, after 10 s, doubled each time up to 40 s"),
        ({"max_retries": 50}, "50, after 10 s, doubled each time up to 10 min"),
        ({"retry_delay": 3600}, "3, every 10 min"),
        ({"retry_delay": 3600, "retry_backoff": False}, "3, every 1 h"),
        ({"retry_delay": 0}, "3, immediately"),
    ],
)
def test_it_tells_when_retries_would_follow(
    signed_in: httpx.Client, api_database: str, queue: str, options: dict[str, Any], sentence: str
) -> None:
    html = signed_in.get(f"/tasks/{made_of(api_database, queue_name=queue, **options)}").text
    assert f"<dd>{sentence}</dd>" in html


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


def test_a_large_result_is_shown_in_part(signed_in: httpx.Client, api_database: str, queue: str) -> None:
    task_id = ended_of(api_database, queue, json.dumps("<" * 3_000_000))
    html = signed_in.get(f"/tasks/{task_id}").text
    assert len(html) < 150_000
    assert f'href="../api/v1/tasks/{task_id}/result"' in html


@pytest.mark.parametrize(
    "result",
    [
        "[" * 90 + "]" * 90,
        json.dumps([[]] * 2_600),
        json.dumps(["&"] * 24_000),
        json.dumps(dict.fromkeys(map(str, range(700)), 0)),
    ],
    ids=["deep", "many", "script", "keys"],
)
def test_a_result_of_any_shape_has_a_page_of_bounded_size(
    signed_in: httpx.Client, api_database: str, queue: str, result: str
) -> None:
    html = signed_in.get(f"/tasks/{ended_of(api_database, queue, result)}").text
    assert len(html) < 700_000


def test_a_failure_names_its_like_and_the_last_good_run(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    good = ended_of(api_database, queue, "1", args=["a", 7], kwargs={"to": "ada"})
    failed = ended_of(api_database, queue, None, args=["b", 7], kwargs={"to": "ada"})

    async def count(conn: Conn) -> None:
        kind = kind_of(first_line(HOSTILE))
        one = Failures(queue_name=queue, task_name="add", kind=kind, failed=24, first=time.monotonic())
        await recording.record(conn, [one])

    assert "like this" not in signed_in.get(f"/tasks/{failed}").text
    on_connections(api_database, count)
    html = signed_in.get(f"/tasks/{failed}").text
    assert re.search(r'<a href="../errors/\d+">24 failures like this</a>', html)
    assert f'<a href="../tasks/{good}"' in html
    assert "<code>args[0]</code>" in html
    assert "<code>args[1]</code>" not in html
    again = ended_of(api_database, queue, None, args=["a", 7], kwargs={"to": "ada"})
    assert "with the same arguments" in signed_in.get(f"/tasks/{again}").text
    for task_id in (good, made_of(api_database, queue_name=queue)):
        assert "good run" not in signed_in.get(f"/tasks/{task_id}").text


def test_an_attempt_is_chosen_by_its_start(signed_in: httpx.Client, api_database: str, queue: str) -> None:
    failed = ended_of(api_database, queue, None)
    [attempt] = signed_in.get(f"/api/v1/tasks/{failed}/attempts").json()
    assert signed_in.post(f"/api/v1/tasks/{failed}/requeue").status_code == 200
    html = signed_in.get(f"/tasks/{failed}").text
    assert "Requeued by lapinq" in html
    assert "Why it failed" not in html
    for started_at, status in ((attempt["started_at"], 200), ("2026-01-31T12:00:00Z", 404), ("x", 400)):
        assert signed_in.get(f"/tasks/{failed}", params={"attempt": started_at}).status_code == status


def test_a_task_that_waits_says_why_and_what_to_do(
    signed_in: httpx.Client, api_database: str, queue: str, db: psycopg.Connection
) -> None:
    db.execute("DELETE FROM lapinq_workers")  # those of other tests
    task_id = made_of(api_database, queue_name=queue)
    html = signed_in.get(f"/tasks/{task_id}").text
    assert f"lapinq worker --queue &#39;{queue}&#39;" in html
    on_connections(api_database, partial(pause, queue=queue))
    html = signed_in.get(f"/tasks/{task_id}").text
    assert "was paused" in html
    assert buttons(html)["Resume the queue"] == f"POST api/v1/queues/{quote(queue)}/resume"


def test_one_that_waits_for_its_time_may_be_run_now(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    task_id = made_of(api_database, queue_name=queue, scheduled_at=soon)
    calls = buttons(signed_in.get(f"/tasks/{task_id}").text)
    assert calls["Run now"] == f"POST api/v1/tasks/{task_id}/run"
    assert signed_in.post(f"/{calls['Run now'].split()[1]}").status_code == 200
    assert "Run now" not in buttons(signed_in.get(f"/tasks/{task_id}").text)


def test_a_deletion_from_the_page_takes_that_task_alone(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    deleted, other = (made_of(api_database, queue_name=f"{queue}&x=%26") for _ in range(2))
    call = buttons(signed_in.get(f"/tasks/{deleted}").text)["Delete"]
    assert signed_in.delete(f"/{call.removeprefix('DELETE ')}").json()["deleted"] == 1
    assert signed_in.get(f"/tasks/{deleted}").status_code == 404
    assert signed_in.get(f"/tasks/{other}").status_code == 200


def test_what_somebody_may_not_do_is_not_offered(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    waiting = made_of(api_database, queue_name=queue, scheduled_at=soon)
    failed = ended_of(api_database, queue, None)
    offered = {"cancel": {"Cancel"}, "requeue": {"Run now"}, "delete": {"Delete"}, "pause": set[str]()}
    for permission, labels in offered.items():
        user = add_user(signed_in, "user", **{queue: [permission]})
        with browser(signed_in, user["username"], PASSWORD) as client:
            html = client.get(f"/tasks/{waiting}").text
            assert set(buttons(html)) == labels
            assert "curl " not in html
            expected = {"Requeue"} if permission == "requeue" else labels & {"Delete"}
            assert set(buttons(client.get(f"/tasks/{failed}").text)) == expected


def test_it_tells_what_became_of_its_webhooks(
    signed_in: httpx.Client, api_database: str, queue: str, db: psycopg.Connection
) -> None:
    task_id = ended_of(api_database, queue, "1", webhook_url="https://example.org/done")
    html = signed_in.get(f"/tasks/{task_id}").text
    assert "not delivered yet" in html
    db.execute(
        "UPDATE lapinq_webhooks SET state = 'given_up', failure = 'it answered 500' WHERE task_id = %s",
        (task_id,),
    )
    html = signed_in.get(f"/tasks/{task_id}").text
    assert "it answered 500" in html
    assert re.fullmatch(r"POST api/v1/webhooks/[0-9a-f-]{36}/resend", buttons(html)["Send again"])


def test_what_is_hidden_from_somebody_is_nowhere_on_the_page(
    serve: Serve, api_database: str, queue: str
) -> None:
    server = serve(redact=("password",))
    carried: dict[str, Any] = {
        "kwargs": {"password": "hunter2", "to": "ada"},
        "args": [{"Password": ["hunter2"]}],
    }
    small = ended_of(api_database, queue, '{"password": "hunter2"}', **carried)
    large = ended_of(api_database, queue, json.dumps({"a": "hunter2", "b": "x" * 200_000}))
    with browser(server) as admin:
        sees = add_user(admin, "user", **{queue: ["payload", "enqueue"]})
        sees_not = add_user(admin, "user", **{queue: ["enqueue"]})
        for user, is_seen in ((sees, True), (sees_not, False)):
            with browser(server, user["username"], PASSWORD) as client:
                for task_id in (small, large):
                    html = client.get(f"/tasks/{task_id}").text
                    assert ("hunter2" in html) is is_seen
                    assert ("[hidden]" in html) is not is_seen
                html = client.get(f"/tasks/{small}").text
                assert ("curl " in html) is is_seen
                assert "ada" in html


def test_a_large_value_is_searched_on_the_server(serve: Serve, api_database: str, queue: str) -> None:
    server = serve(redact=("password",))
    text = json.dumps({"password": "x" * 200_000, "a": ["Needle"] * 30}, ensure_ascii=False)
    task_id = ended_of(api_database, queue, text)
    path = f"/tasks/{task_id}/find"
    with browser(server) as admin:
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
    with browser(server, sees_not["username"], PASSWORD) as client:
        answer = client.get(path, params={"field": "result", "text": "needle"})
        assert answer.status_code == 403
        assert "may not search result" in answer.json()["error"]
    assert server.get(path, params={"field": "result", "text": "a"}).status_code in {303, 401}


def test_the_command_names_the_key_where_the_api_takes_one(
    serve: Serve, api_database: str, queue: str
) -> None:
    task_id = made_of(api_database, queue_name=queue)
    for settings, is_named in (({"api_key": "topsecret"}, True), ({"require_auth": True}, True), ({}, False)):
        with browser(serve(**settings)) as client:
            html = client.get(f"/tasks/{task_id}").text
            assert ("X-API-Key: …" in html) is is_named
            assert "topsecret" not in html


def test_nothing_changes_on_the_page_while_nothing_happens(
    signed_in: httpx.Client, made: dict[Status, str]
) -> None:
    def look(task_id: str) -> str:
        return re.sub(r'data-now="[^"]*"', "", signed_in.get(f"/tasks/{task_id}").text)

    for task_id in made.values():
        assert look(task_id) == look(task_id)

"""The inbox of what waits for a signal, and the form that answers it."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_api.dashboard.views.tasks import waits
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.decisions import asking
from tests.support.rows.durable import suspend, wait_for
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http

SCHEMA: dict[str, Any] = {
    "properties": {"ok": {"type": "boolean"}, "why": {"type": "string"}},
    "required": ["ok"],
}


@pytest.fixture
def asked(api_database: str, queue: str, db: psycopg.Connection) -> Iterator[str]:
    """A task that asks by a link."""
    task, _ = on_connections(
        api_database, partial(asking, queue=queue, title="Pay?", text="Ana", schema=SCHEMA)
    )
    yield task
    db.execute("DELETE FROM lapinq_tasks WHERE id = %s", (task,))


@pytest.fixture
def waiting(api_database: str, queue: str) -> str:
    """A task that waits for one of two signals, without a link."""

    async def make(conn: Conn) -> str:
        await enqueue(conn, queue_name=queue)
        [claimed] = await claim(conn, await add_worker(conn), queue=queue)
        await wait_for(conn, claimed, "paid", "refused", seconds=90.0)
        await suspend(conn, claimed)
        return claimed.id

    return on_connections(api_database, make)


def rows(client: httpx.Client, **params: str) -> list[str]:
    page = client.get("/waits", params=params)
    assert page.status_code == 200, page.text
    return re.findall(r'<tr role="row" id="wait-.*?</tr>', page.text, re.DOTALL)


def sent(db: psycopg.Connection, task: str) -> list[tuple[str, Any]]:
    found = db.execute(
        "SELECT name, result::json FROM lapinq_steps WHERE task_id = %s AND kind = 'sent'", (task,)
    )
    return [(name, value) for name, value in found.fetchall()]


def test_what_waits_is_listed_with_what_it_asks(
    signed_in: httpx.Client, asked: str, waiting: str, queue: str
) -> None:
    first, second = rows(signed_in, queue=queue)
    assert "Pay?" in first
    assert f'href="tasks/{asked}/signal?name=approve"' in first
    assert f'href="tasks/{waiting}"' in second
    assert all(f"signal?name={name}" in second for name in ("paid", "refused"))
    assert re.search(r'data-label="Until"[^>]*><time', second)
    assert len(rows(signed_in, queue=queue, name="refused")) == 1
    assert rows(signed_in, queue=queue, name="other") == []
    for wrong in ({"name": "\x01"}, {"queue": ""}, {"cursor": "x"}):
        assert signed_in.get("/waits", params=wrong).status_code == (200 if wrong == {"queue": ""} else 400)


def test_a_list_goes_on_after_its_first_page(
    signed_in: httpx.Client, asked: str, waiting: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "DEFAULT_LIMIT", 1)
    page = signed_in.get("/waits", params={"queue": queue})
    assert asked in page.text
    assert waiting not in page.text
    [more] = re.findall(r'href="(\?[^"]*cursor=[^"]*)" rel="next"', page.text)
    following = signed_in.get("/waits" + more.replace("&amp;", "&")).text
    assert waiting in following
    assert asked not in following


def test_an_answer_is_sent_with_the_form_of_the_link_and_closes_it(
    signed_in: httpx.Client, asked: str, db: psycopg.Connection
) -> None:
    form = f"/tasks/{asked}/signal?name=approve"
    page = signed_in.get(form).text
    assert all(part in page for part in ("Pay?", "Ana", 'name="ok"', 'name="why"'))
    wrong = signed_in.post(form, data={"why": "late"})
    assert (wrong.status_code, "must be given" in wrong.text, 'value="late"' in wrong.text) == (
        400,
        True,
        True,
    )
    answer = signed_in.post(form, data={"ok": "true"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/waits?sent=approve")
    assert sent(db, asked) == [("approve", {"ok": True})]
    assert db.execute("SELECT decided_by FROM lapinq_decisions WHERE task_id = %s", (asked,)).fetchone() == (
        "lapinq",
    )
    assert db.execute(
        "SELECT actor, action, details FROM lapinq_audit WHERE target = %s", (asked,)
    ).fetchone() == ("lapinq", "task.decide", {"signal": "approve", "value": '{"ok":true}'})
    assert "The signal approve was sent." in signed_in.get("/waits?sent=approve").text


def test_without_a_link_any_json_is_sent(
    signed_in: httpx.Client, waiting: str, db: psycopg.Connection
) -> None:
    named, free = f"/tasks/{waiting}/signal?name=other", f"/tasks/{waiting}/signal"
    assert "does not wait for this signal now" in signed_in.get(named).text
    assert 'value="paid"' in signed_in.get(free).text
    for form, data in (
        (named, {"value": "{no"}),
        (free, {"value": "1", "name": " "}),
        (free, {"value": "1"}),
    ):
        wrong = signed_in.post(form, data=data)
        assert (wrong.status_code, 'role="alert"' in wrong.text) == (400, True)
    assert signed_in.post(named, data={"value": '{"by": ["Ana", 1.5]}'}).status_code == 303
    assert signed_in.post(free, data={"name": "paid"}).status_code == 303
    assert sent(db, waiting) == [("other", {"by": ["Ana", 1.5]}), ("paid", None)]


def test_who_may_not_send_signals_sees_which_permission_it_takes(
    signed_in: httpx.Client, api: httpx.Client, asked: str, queue: str, db: psycopg.Connection, serve: Serve
) -> None:
    form = f"/tasks/{asked}/signal?name=approve"
    reader, sender = add_user(signed_in), add_user(signed_in, "user", **{queue: ["enqueue"]})
    with browser(api, reader["username"], PASSWORD) as client:
        [row] = rows(client, queue=queue)
        assert 'aria-disabled="true"' in row
        assert "Needs the permission" in client.get(form).text
        assert client.post(form, data={"ok": "true"}).status_code == 403
    with browser(api, None) as stranger:
        assert stranger.get(form).status_code == 303
        assert stranger.post(form, data={"ok": "true"}).status_code == 401
    assert (
        signed_in.post(form, data={"ok": "true"}, headers={"Origin": "https://evil.example"}).status_code
        == 403
    )
    assert sent(db, asked) == []
    with browser(api, sender["username"], PASSWORD) as client:
        assert client.post(form, data={"ok": "false"}).status_code == 303


@pytest.mark.parametrize(("permission", "is_shown"), [("cancel", False), ("payload", True), ("decide", True)])
def test_where_values_are_hidden_only_who_may_answer_or_see_them_sees_the_question(
    serve: Serve, asked: str, queue: str, permission: str, is_shown: bool
) -> None:
    admin = serve(redact=("paid",), api_key="secret")
    with httpx.Client(base_url=admin.base_url, headers={"X-API-Key": "secret"}, trust_env=False) as keyed:
        user = add_user(keyed, "user", **{queue: [permission]})
    with browser(admin, user["username"], PASSWORD) as client:
        form = client.get(f"/tasks/{asked}/signal?name=approve")
        assert ("Pay?" in rows(client, queue=queue)[0], "Pay?" in form.text, "Ana" in form.text) == (
            is_shown,
        ) * 3


def test_a_task_that_ended_or_never_was_takes_none(
    signed_in: httpx.Client, asked: str, db: psycopg.Connection
) -> None:
    form = f"/tasks/{asked}/signal?name=approve"
    assert signed_in.delete(f"/api/v1/tasks/{asked}").is_success
    late = signed_in.post(form, data={"ok": "true"})
    assert (late.status_code, "has ended meanwhile" in late.text) == (409, True)
    for path in ("/tasks/00000000-0000-0000-0000-000000000000/signal", "/tasks/no-id/signal"):
        assert signed_in.get(path).status_code in {400, 404}
        assert signed_in.post(path, data={"value": "1"}).status_code in {400, 404}


def test_the_navigation_counts_what_waits(serve: Serve, asked: str, db: psycopg.Connection) -> None:
    [(waiting,)] = db.execute(
        "SELECT count(*) FROM lapinq_steps s JOIN lapinq_delayed d ON d.id = s.task_id"
        " WHERE s.kind = 'signal' AND s.ended_at IS NULL AND s.attempt = d.starts + 1"
    ).fetchall()
    with browser(serve()) as client:
        page = client.get("/queues").text
    assert waiting
    assert re.search(rf'id="waits-badge"><span class="badge" aria-hidden="true">{waiting}</span>', page)

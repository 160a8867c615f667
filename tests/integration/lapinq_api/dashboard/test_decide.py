"""The page of a link by which somebody without an account decides."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.people.logins import MAX_PER_ADDRESS
from lapinq_core.tasks import actions
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.http.people import browser
from tests.support.rows.decisions import asking

pytestmark = pytest.mark.http

SCHEMA: dict[str, Any] = {
    "properties": {
        "approved": {"type": "boolean", "title": "Approve?"},
        "discount": {"type": "number", "maximum": 50, "description": "In percent"},
        "reason": {"type": "string", "maxLength": 1000},
    },
    "required": ["approved"],
}
JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def _nothing_tried(db: psycopg.Connection) -> None:
    db.execute("DELETE FROM lapinq_login_tries")
    db.execute("DELETE FROM lapinq_audit")


def asked(database: str, queue: str, **values: Any) -> tuple[str, str]:
    """A task that asks, and the address of its link."""
    task, token = on_connections(database, partial(asking, queue=queue, **values))
    return task, f"/decide?token={token}"


def sent(db: psycopg.Connection, task: str) -> list[Any]:
    """The values of the signals that it got."""
    rows = db.execute("SELECT result::json FROM lapinq_steps WHERE task_id = %s AND kind = 'sent'", (task,))
    return [row[0] for row in rows.fetchall()]


def test_looking_changes_nothing_and_of_two_who_decide_at_once_one_does(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    task, link = asked(api_database, queue, title="Pay <b>42</b>?", text="To Ana\nnow")
    with browser(api, None) as person, ThreadPoolExecutor(100) as pool:
        looked = list(pool.map(person.get, [link] * 99))
        assert person.head(link).status_code == 200
        assert {one.status_code for one in looked} == {200}
        assert "Pay &lt;b&gt;42&lt;/b&gt;?" in looked[0].text
        assert sent(db, task) == []
        assert db.execute("SELECT count(*) FROM lapinq_delayed WHERE id = %s", (task,)).fetchone() == (1,)
        ends = sorted(pool.map(person.post, [link] * 2), key=lambda one: one.status_code)
        assert [one.status_code for one in ends] == [200, 409]
        assert sent(db, task) == [None]
        done, late = ends
        assert "Your answer was sent" in done.text
        for told in (late, person.get(link)):
            assert told.status_code == 409
            assert "This has been decided already" in told.text
            assert "a link like this one" in told.text
            assert re.search(r"<time datetime=\"20", told.text)
    assert db.execute("SELECT actor, action, target, details FROM lapinq_audit").fetchall() == [
        ("a link", "task.decide", task, {"signal": "approve", "value": "null"})
    ]


def test_a_page_of_a_link_is_kept_from_caches_searches_and_referrers(
    api: httpx.Client, api_database: str, queue: str
) -> None:
    _, link = asked(api_database, queue)
    with browser(api, None) as person:
        answer = person.get(link)
    headers = answer.headers
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "noindex" in headers["x-robots-tag"]
    assert "script-src 'self'" in headers["content-security-policy"]
    assert 'content="noindex' in answer.text


def test_a_form_sends_typed_values_and_tells_what_is_wrong_at_its_field(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    task, link = asked(api_database, queue, schema=SCHEMA)
    with browser(api, None) as person:
        page = person.get(link, headers={"Accept-Language": "es"}).text
        assert all(part in page for part in ('<html lang="es"', "Approve?", "In percent", "<textarea", "Sí"))
        typed = {"discount": "51", "reason": "<i>"}
        wrong = person.post(link, data=typed)
        assert wrong.status_code == 400
        assert all(
            part in wrong.text for part in ("must be given", "must be at most 50", 'value="51"', "&lt;i&gt;")
        )
        assert wrong.text.count('class="wrong"') == 2
        for body in (b"\xff\xfe=%%", b"a=" + b"x" * 20_000_000):
            refused = person.post(
                link, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
            )
            assert refused.status_code in {400, 413}
        db.execute("UPDATE lapinq_decisions SET title = 'Approve 43?' WHERE task_id = %s", (task,))
        (shown,) = re.findall(r'name="shown" value="(\w+)"', page)
        typed = {"approved": "true", "discount": "5"}
        old = person.post(link, data={**typed, "shown": shown})
        assert old.status_code == 409
        assert all(part in old.text for part in ("The question has changed", "Approve 43?", 'value="5"'))
        assert sent(db, task) == []
        (shown,) = re.findall(r'name="shown" value="(\w+)"', old.text)
        assert person.post(link, data={**typed, "shown": shown}).status_code == 200
    assert sent(db, task) == [{"approved": True, "discount": 5.0}]


def test_programs_look_and_decide_in_json(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    task, link = asked(api_database, queue, title="Pay?", schema=SCHEMA)
    with browser(api, None) as person:
        found = person.get(link, headers=JSON).json()
        assert (found["signal"], found["title"], found["schema"]) == ("approve", "Pay?", SCHEMA)
        bodies: list[tuple[Any, str]] = [
            ([], "value"),
            ({"approved": 1}, "approved"),
            ({"approved": True, "more": 1}, "more"),
        ]
        for body, field in bodies:
            refused = person.post(link, json=body)
            assert (refused.status_code, refused.json()["details"][0]["loc"]) == (400, field)
        decided = person.post(link, json={"approved": False})
        assert (decided.status_code, decided.json().keys()) == (200, {"decided_at"})
        again = person.post(link, json={"approved": True})
        assert (again.status_code, again.json().keys()) == (409, {"error"})
        assert sent(db, task) == [{"approved": False}]
        free, other = asked(api_database, f"{queue} too")
        assert person.post(other, json=["any", {"json": 1}]).status_code == 200
    assert sent(db, free) == [["any", {"json": 1}]]


def test_links_that_expired_that_nobody_waits_for_or_that_never_were_say_so(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    _, expired = asked(api_database, queue, seconds=0.0)
    ended, useless = asked(api_database, queue)
    on_connections(api_database, partial(actions.cancel, task_id=ended))
    with browser(api, None) as person:
        for link, status, words in (
            (expired, 410, "This link has expired"),
            (useless, 410, "This is not asked for any more"),
            ("/decide?token=" + "x" * 43, 404, "This link does not work"),
            ("/decide", 404, "This link does not work"),
        ):
            for answer in (person.get(link), person.post(link, data={})):
                assert (answer.status_code, words in answer.text) == (status, True)
            assert person.post(link, json=None, headers=JSON).status_code == status
    assert db.execute("SELECT count(*) FROM lapinq_audit WHERE action = 'task.decide'").fetchone() == (0,)


def test_guesses_are_counted_and_links_that_exist_are_not(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    _, link = asked(api_database, queue)
    with browser(api, None) as person:
        assert person.get(link).status_code == 200
        assert db.execute("SELECT coalesce(sum(tries), 0) FROM lapinq_login_tries").fetchone() == (0,)
        db.execute(
            "INSERT INTO lapinq_login_tries (key, since, tries) VALUES ('link:127.0.0.1', lapinq_now(), %s)",
            (MAX_PER_ADDRESS - 1,),
        )
        guesses = [person.get("/decide?token=x") for _ in range(2)]
        assert [one.status_code for one in guesses] == [404, 429]
        assert "retry-after" in guesses[1].headers
        assert person.get("/decide?token=x", headers=JSON).status_code == 429
        assert person.get(link).status_code == 200


def test_it_uses_no_session_and_a_read_only_server_takes_no_decision(
    signed_in: httpx.Client, api_database: str, db: psycopg.Connection, queue: str, serve: Serve
) -> None:
    task, link = asked(api_database, queue)
    read_only = serve(read_only=True)
    assert "read-only at the moment" in read_only.get(link).text
    assert read_only.post(link).status_code == 403
    # As a browser sends it after a page without a referrer.
    assert signed_in.post(link, headers={"Origin": "null"}).status_code == 200
    assert sent(db, task) == [None]
    assert db.execute("SELECT actor FROM lapinq_audit WHERE target = %s", (task,)).fetchall() == [("a link",)]


def test_the_audit_log_has_no_value_that_is_hidden(
    serve: Serve, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    schema = {"properties": {"pin": {"type": "string"}, "ok": {"type": "string"}}}
    task, link = asked(api_database, queue, schema=schema)
    assert serve(redact=("pin",)).post(link, data={"pin": "1234", "ok": "y" * 2000}).status_code == 200
    assert sent(db, task)[0]["pin"] == "1234"
    [(details,)] = db.execute("SELECT details FROM lapinq_audit WHERE target = %s", (task,)).fetchall()
    assert "1234" not in details["value"]
    assert len(details["value"]) == 1001

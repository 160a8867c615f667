"""Webhooks over HTTP: which there are, what became of them, sending one again."""

import itertools
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from lapinq_api.operations.bodies.objects import WebhookObject
from tests.integration.lapinq_api.conftest import Serve
from tests.support.eventually import eventually
from tests.support.http.delivering import completed, delivering, failed
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.receiver import receiving

URL = "https://hooks.example/done?a=b"
UNKNOWN = "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"

_queues = (f"hooks {number}" for number in itertools.count())


@pytest.fixture
def queue() -> str:
    """A queue of the test's own."""
    return next(_queues)


def listed(client: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/webhooks", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def settle(db: psycopg.Connection, event: str, state: str) -> None:
    """As if it had come to that some time ago."""
    db.execute(
        "UPDATE lapinq_webhooks SET state = %s, tries = 9, tried_at = lapinq_now(), answer = 500,"
        " failure = 'it answered 500', retry_since = retry_since - interval '1 day' WHERE id = %s",
        (state, event),
    )


def test_a_webhook_shows_what_it_is_and_what_became_of_it(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    (task,) = completed(api_database, URL, queue_name=queue)
    (shown,) = listed(api, task_id=task.upper())
    described = msgspec.convert(shown, WebhookObject)
    assert list(shown) == list(WebhookObject.__struct_fields__)
    assert (described.queue_name, described.task_name, described.url) == (queue, "add", URL)
    assert (described.status, described.state, described.tries) == ("completed", "pending", 0)
    assert described.due_at == described.created_at
    assert (described.tried_at, described.answer, described.failure) == (None, None, None)
    assert api.get(f"/api/v1/webhooks/{shown['id'].upper()}").json() == shown
    settle(db, shown["id"], "given_up")
    later = api.get(f"/api/v1/webhooks/{shown['id']}").json()
    assert (later["state"], later["tries"], later["answer"], later["failure"], later["due_at"]) == (
        "given_up",
        9,
        500,
        "it answered 500",
        None,
    )


def test_the_list_is_newest_first_and_goes_by_state_queue_task_and_id(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    ids = completed(api_database, URL, 3, queue_name=queue)
    other = failed(api_database, URL)
    events = listed(api, queue=queue)
    in_order = db.execute("SELECT id::text FROM lapinq_webhooks WHERE queue_name = %s ORDER BY seq", (queue,))
    assert [event["id"] for event in reversed(events)] == [event for (event,) in in_order]
    assert {event["task_id"] for event in events} == set(ids)
    assert listed(api)[0]["task_id"] == other
    settle(db, events[0]["id"], "delivered")
    assert [event["id"] for event in listed(api, queue=queue, state="delivered")] == [events[0]["id"]]
    assert [event["id"] for event in listed(api, queue=queue, state="pending")] == [
        event["id"] for event in events[1:]
    ]
    assert [event["status"] for event in listed(api, task_id=other)] == ["failed"]
    assert listed(api, task_id=other, queue=queue) == []
    assert [event["id"] for event in listed(api, id=events[1]["id"][:20].upper())] == [events[1]["id"]]


def test_pages_follow_each_other(api: httpx.Client, api_database: str, queue: str) -> None:
    completed(api_database, URL, 5, queue_name=queue)
    whole, pages, cursor = listed(api, queue=queue), list[dict[str, Any]](), None
    while True:
        params = {"queue": queue, "limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = api.get("/api/v1/webhooks", params=params)
        pages += answer.json()
        if (cursor := answer.headers.get("X-Next-Cursor")) is None:
            break
    assert pages == whole
    assert len(whole) == 5


@pytest.mark.parametrize(
    "params",
    [
        {"state": "sent"},
        {"task_id": "1"},
        {"id": "g"},
        {"queue": ""},
        {"limit": "0"},
        {"limit": "1001"},
        {"cursor": "x"},
        {"cursor": "%00"},
        {"url": "a"},
    ],
)
def test_a_wrong_filter_is_refused_by_name(api: httpx.Client, params: dict[str, str]) -> None:
    answer = api.get("/api/v1/webhooks", params=params)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["loc"] in params


def test_an_unknown_or_malformed_id_is_refused(api: httpx.Client) -> None:
    for method, path in (("GET", ""), ("POST", "/resend")):
        assert api.request(method, f"/api/v1/webhooks/{UNKNOWN}{path}").status_code == 404
        assert api.request(method, f"/api/v1/webhooks/1{path}").status_code == 400


@pytest.mark.parametrize("state", ["delivered", "given_up", "pending"])
def test_what_is_sent_again_is_due_now_and_has_another_day(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str, state: str
) -> None:
    completed(api_database, URL, queue_name=queue)
    (event,) = listed(api, queue=queue)
    settle(db, event["id"], state)
    answer = api.post(f"/api/v1/webhooks/{event['id']}/resend")
    assert answer.status_code == 200
    assert answer.json() == api.get(f"/api/v1/webhooks/{event['id']}").json()
    assert (answer.json()["state"], answer.json()["tries"], answer.json()["failure"]) == ("pending", 0, None)
    row = db.execute(
        "SELECT due_at <= lapinq_now(), retry_since > lapinq_now() - interval '1 minute' FROM lapinq_webhooks"
        " WHERE id = %s",
        (event["id"],),
    ).fetchone()
    assert row == (True, True)
    noted = db.execute(
        "SELECT action, details FROM lapinq_audit WHERE target = %s", (event["id"],)
    ).fetchall()
    assert noted == [("webhook.resend", {"queue": queue, "task_id": event["task_id"]})]


def test_it_arrives_again_with_the_same_id(api: httpx.Client, api_database: str, queue: str) -> None:
    with receiving() as receiver, delivering(api_database):
        completed(api_database, receiver.url, queue_name=queue)
        (event,) = listed(api, queue=queue)
        eventually(lambda: listed(api, queue=queue)[0]["state"] == "delivered")
        assert api.post(f"/api/v1/webhooks/{event['id']}/resend").status_code == 200
        eventually(lambda: len(receiver.received) == 2)
        assert {received.event_id for received in receiver.received} == {event["id"]}


def test_fields_in_the_body_are_refused(api: httpx.Client, api_database: str, queue: str) -> None:
    completed(api_database, URL, queue_name=queue)
    (event,) = listed(api, queue=queue)
    assert api.post(f"/api/v1/webhooks/{event['id']}/resend", json={"url": "http://a"}).status_code == 400


def test_a_user_needs_the_permission_to_requeue(
    api: httpx.Client, signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    completed(api_database, URL, queue_name=queue)
    (event,) = listed(api, queue=queue)
    may, may_not = (
        add_user(signed_in, "user", **{queue: [permission]}) for permission in ("requeue", "cancel")
    )
    with browser(api, may_not["username"], PASSWORD) as client:
        assert [one["id"] for one in listed(client, queue=queue)] == [event["id"]]
        assert client.post(f"/api/v1/webhooks/{event['id']}/resend").status_code == 403
    with browser(api, may["username"], PASSWORD) as client:
        assert client.post(f"/api/v1/webhooks/{event['id']}/resend").status_code == 200


def test_a_key_needs_the_scope_for_it(serve: Serve, api_database: str, queue: str) -> None:
    completed(api_database, URL, queue_name=queue)
    client = serve(api_key="master")
    master = {"X-API-Key": "master"}
    assert client.get("/api/v1/webhooks").status_code == 401
    (event,) = client.get("/api/v1/webhooks", params={"queue": queue}, headers=master).json()
    statuses = dict[str, tuple[int, int]]()
    for scope in ("enqueue", "read", "manage"):
        made = client.post(
            "/api/v1/keys", json={"name": f"{queue} {scope}", "scopes": [scope]}, headers=master
        )
        assert made.status_code == 201, made.text
        key = {"X-API-Key": made.json()["key"]}
        statuses[scope] = (
            client.get(f"/api/v1/webhooks/{event['id']}", headers=key).status_code,
            client.post(f"/api/v1/webhooks/{event['id']}/resend", headers=key).status_code,
        )
    assert statuses == {"enqueue": (403, 403), "read": (200, 403), "manage": (403, 200)}

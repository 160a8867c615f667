"""Webhooks over HTTP: which there are, what became of them, sending one again."""

from typing import Any

import httpx
import msgspec
import psycopg

from lapinq_api.operations.bodies.objects import WebhookObject
from tests.support.http.delivering import completed, failed
from tests.support.http.refusals import check_queries_refused
from tests.support.http.schedules_over_http import pages

PATH = "/api/v1/webhooks"
URL = "https://hooks.example/done?a=b"
UNKNOWN = "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"


def listed(client: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    answer = client.get(PATH, params=params)
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
    path = f"{PATH}/{shown['id'].upper()}"
    assert api.get(path).json() == shown
    settle(db, shown["id"], "given_up")
    later = api.get(path).json()
    assert (later["state"], later["tries"], later["due_at"]) == ("given_up", 9, None)
    assert (later["answer"], later["failure"]) == (500, "it answered 500")


def test_the_list_is_newest_first_and_goes_by_state_queue_task_and_id(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    ids = completed(api_database, URL, 3, queue_name=queue)
    other = failed(api_database, URL)
    events = listed(api, queue=queue)
    in_order = db.execute("SELECT id::text FROM lapinq_webhooks WHERE queue_name = %s ORDER BY seq", (queue,))
    assert [event["id"] for event in reversed(events)] == [event for (event,) in in_order]
    assert {event["task_id"] for event in events} == set(ids)
    assert list(pages(api, PATH, queue=queue, limit=2)) == [events[:2], events[2:]]
    assert listed(api)[0]["task_id"] == other
    settle(db, events[0]["id"], "delivered")
    for filters, expected in (
        ({"state": "delivered"}, events[:1]),
        ({"state": "pending"}, events[1:]),
        ({"task_id": other}, []),
        ({"id": events[1]["id"][:20].upper()}, [events[1]]),
    ):
        found = listed(api, queue=queue, **filters)
        assert [event["id"] for event in found] == [event["id"] for event in expected], filters
    assert [event["status"] for event in listed(api, task_id=other)] == ["failed"]


def test_a_wrong_filter_or_id_is_refused(api: httpx.Client) -> None:
    wrong = (
        ("state", "sent"), ("task_id", "1"), ("id", "g"), ("queue", ""), ("limit", "0"), ("limit", "1001"),
        ("cursor", "x"), ("cursor", "%00"), ("url", "a"),
    )  # fmt: skip
    check_queries_refused(api, "GET", PATH, [({name: value}, name) for name, value in wrong])
    for method, path in (("GET", ""), ("POST", "/resend")):
        assert api.request(method, f"{PATH}/{UNKNOWN}{path}").status_code == 404
        assert api.request(method, f"{PATH}/1{path}").status_code == 400


# That it arrives again with the same id is in `tests/integration/webhooks`.
def test_what_is_sent_again_is_due_now_and_has_another_day(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    completed(api_database, URL, queue_name=queue)
    (event,) = listed(api, queue=queue)
    path = f"{PATH}/{event['id']}"
    assert api.post(f"{path}/resend", json={"url": "http://a"}).status_code == 400
    for state in ("delivered", "given_up", "pending"):
        settle(db, event["id"], state)
        answer = api.post(f"{path}/resend")
        assert (answer.status_code, answer.json()) == (200, api.get(path).json())
        again = answer.json()
        assert (again["state"], again["tries"], again["failure"]) == ("pending", 0, None)
        row = db.execute(
            "SELECT due_at <= lapinq_now(), retry_since > lapinq_now() - interval '1 minute' FROM lapinq_webhooks"
            " WHERE id = %s",
            (event["id"],),
        ).fetchone()
        assert row == (True, True), state
    noted = db.execute("SELECT action, details FROM lapinq_audit WHERE target = %s", (event["id"],))
    assert noted.fetchall() == [("webhook.resend", {"queue": queue, "task_id": event["task_id"]})] * 3

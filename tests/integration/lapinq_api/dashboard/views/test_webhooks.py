"""The page of the webhooks."""

import re

import httpx
import psycopg
import pytest

from tests.support.http.delivering import completed
from tests.support.http.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http

URL = "https://hooks.example/done?a=b"
HOSTILE = '"><script>alert(1)</script>'


def settle(db: psycopg.Connection, queue: str, state: str, failure: str | None = None) -> None:
    """As if all of that queue had come to that."""
    db.execute(
        "UPDATE lapinq_webhooks SET state = %s, tries = 3, tried_at = lapinq_now(), answer = 204, failure = %s"
        " WHERE queue_name = %s",
        (state, failure, queue),
    )


def rows(client: httpx.Client, **params: str) -> list[str]:
    page = client.get("/webhooks", params=params)
    assert page.status_code == 200
    return re.findall(r'<tr role="row" id="webhook-.*?</tr>', page.text, re.DOTALL)


def test_without_any_it_says_what_they_are_for(signed_in: httpx.Client) -> None:
    page = signed_in.get("/webhooks").text
    assert "No webhooks. Enqueue a task with a webhook_url" in page
    assert "No webhook matches." in signed_in.get("/webhooks?state=pending").text


def test_a_webhook_tells_of_its_task_and_what_became_of_it(
    signed_in: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    (task,) = completed(api_database, URL, queue_name=queue)
    (waits,) = rows(signed_in, queue=queue)
    assert 'class="status pending">pending' in waits
    assert f'href="tasks/{task}"' in waits
    assert URL in waits
    assert 'data-label="Next try"><time' in waits
    settle(db, queue, "given_up", "it answered 500")
    (given_up,) = rows(signed_in, task_id=task)
    assert 'class="status failed">given up' in given_up
    assert "it answered 500" in given_up
    assert 'data-label="Next try"><span class="none">' in given_up
    assert "data-confirm" not in given_up
    settle(db, queue, "delivered")
    (delivered,) = rows(signed_in, state="delivered", queue=queue)
    assert "The receiver answered 204" in delivered
    assert "data-confirm" in delivered
    assert rows(signed_in, state="pending", queue=queue) == []


def test_who_may_not_send_one_again_is_not_offered_to(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    completed(api_database, URL, queue_name=queue)
    may, may_not = (add_user(signed_in, "user", **{queue: [word]}) for word in ("requeue", "cancel"))
    for person, is_offered in ((may, True), (may_not, False)):
        with browser(signed_in, person["username"], PASSWORD) as client:
            (found,) = rows(client, queue=queue)
            assert ("/resend" in found) is is_offered
            assert ("Needs the permission “requeue” on" in found) is not is_offered


def test_what_people_called_things_is_escaped(signed_in: httpx.Client, api_database: str) -> None:
    completed(api_database, f"https://hooks.example/{HOSTILE}", queue_name=HOSTILE, task_name=HOSTILE)
    page = signed_in.get("/webhooks", params={"queue": HOSTILE}).text
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") > 3


def test_the_older_ones_are_a_page_away(signed_in: httpx.Client, api_database: str, queue: str) -> None:
    completed(api_database, URL, count=60, queue_name=queue)
    page = signed_in.get("/webhooks", params={"queue": queue}).text
    (older,) = re.findall(r'href="(\?[^"]+)" rel="next"', page)
    assert "Newest" not in page
    second = signed_in.get(f"/webhooks{older.replace('&amp;', '&')}")
    seen = re.findall(r'id="(webhook-[^"]+)"', page), re.findall(r'id="(webhook-[^"]+)"', second.text)
    assert (len(seen[0]), len(seen[1]), len({*seen[0], *seen[1]})) == (50, 10, 60)
    assert "Newest" in second.text
    assert 'rel="next"' not in second.text


@pytest.mark.parametrize("query", ["state=lost", "queue=%00", "task_id=x", "cursor=x", "cursor=%22%3E"])
def test_what_cannot_be_asked_is_answered_with_a_page(signed_in: httpx.Client, query: str) -> None:
    answer = signed_in.get(f"/webhooks?{query}")
    assert answer.status_code == 400
    assert "The page does not understand this request" in answer.text

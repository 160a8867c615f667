"""The page of the webhooks."""

import re

import httpx
import psycopg
import pytest

from tests.support.http.delivering import completed

pytestmark = pytest.mark.http

URL = "https://hooks.example/done?a=b"


def test_a_webhook_tells_of_its_task_and_what_became_of_it(
    signed_in: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    (task,) = completed(api_database, URL, queue_name=queue)

    def rows(**params: str) -> list[str]:
        page = signed_in.get("/webhooks", params=params)
        assert page.status_code == 200
        return re.findall(r'<tr role="row" id="webhook-.*?</tr>', page.text, re.DOTALL)

    def settle(state: str, answer: int | None, failure: str | None = None) -> None:
        db.execute(
            "UPDATE lapinq_webhooks SET state = %s, tries = 3, tried_at = lapinq_now(), answer = %s, failure = %s",
            (state, answer, failure),
        )

    (waits,) = rows(queue=queue)
    assert 'class="status pending">pending' in waits
    assert f'href="tasks/{task}"' in waits
    assert URL in waits
    assert 'data-label="Next try"><time' in waits
    for answer, failure, told in (
        (None, "no answer within 10 s", "No answer within 10 s"),
        (
            302,
            "it answered 302, and redirects are not followed",
            "Answered 302, and redirects are not followed",
        ),
        (
            410,
            "it answered 410: it refuses further deliveries",
            "Answered 410: it refuses further deliveries",
        ),
        (500, "it answered 500", "Answered 500"),
    ):
        settle("given_up", answer, failure)
        [row] = rows(task_id=task)
        assert f">{told}</td>" in row
    (given_up,) = rows(task_id=task)
    assert 'class="status failed">given up' in given_up
    assert 'data-label="Next try"><span class="none">' in given_up
    assert "data-confirm" not in given_up
    settle("delivered", 204)
    (delivered,) = rows(state="delivered", queue=queue)
    assert "Answered 204" in delivered
    assert "data-confirm" in delivered
    assert rows(state="pending", queue=queue) == []

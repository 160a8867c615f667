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

    def settle(state: str, failure: str | None = None) -> None:
        db.execute(
            "UPDATE lapinq_webhooks SET state = %s, tries = 3, tried_at = lapinq_now(), answer = 204, failure = %s",
            (state, failure),
        )

    (waits,) = rows(queue=queue)
    assert 'class="status pending">pending' in waits
    assert f'href="tasks/{task}"' in waits
    assert URL in waits
    assert 'data-label="Next try"><time' in waits
    settle("given_up", "it answered 500")
    (given_up,) = rows(task_id=task)
    assert 'class="status failed">given up' in given_up
    assert "it answered 500" in given_up
    assert 'data-label="Next try"><span class="none">' in given_up
    assert "data-confirm" not in given_up
    settle("delivered")
    (delivered,) = rows(state="delivered", queue=queue)
    assert "The receiver answered 204" in delivered
    assert "data-confirm" in delivered
    assert rows(state="pending", queue=queue) == []

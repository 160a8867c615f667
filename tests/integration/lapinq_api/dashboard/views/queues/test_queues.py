"""The page of the queues."""

import re
from functools import partial

import httpx
import psycopg
import pytest

from tests.support.database.running import on_connections
from tests.support.http.schedules_over_http import create
from tests.support.rows.factories import Conn, enqueue

pytestmark = pytest.mark.http


@pytest.fixture(scope="module", autouse=True)
def _filled(api_database: str, signed_in: httpx.Client) -> None:
    async def fill(conn: Conn) -> None:
        await enqueue(conn, 3, queue_name="mail")
        await enqueue(conn, 1200, queue_name="video")

    on_connections(api_database, fill)
    paused = signed_in.post("/api/v1/queues/exports/pause", json={"reason": "ask Lisa"})
    assert paused.status_code == 200


def row(page: str, queue: str) -> str:
    """The row of a queue."""
    found = re.search(rf'<tr role="row" id="queue-{re.escape(queue)}">.*?</tr>', page, re.DOTALL)
    assert found, queue
    return found[0]


def shown(client: httpx.Client, query: str = "") -> list[str]:
    page = client.get(f"/queues{query}")
    assert page.status_code == 200
    return re.findall(r'<tr role="row" id="queue-([^"]+)"', page.text)


def test_a_queue_tells_how_full_it_is_or_why_it_is_paused(signed_in: httpx.Client) -> None:
    page = signed_in.get("/queues").text
    full = row(page, "video")
    assert ">1\u202f200</td>" in full
    assert 'href="queue?name=video"' in full
    assert re.search(
        r'data-label="Oldest waiting" class="number"><time datetime="[^"]+" data-as="running">', full
    )
    paused = row(page, "exports")
    assert re.search(r'Paused <time datetime="[^"]+" data-as="age">[^<]+</time> by lapinq: ask Lisa', paused)


def test_resuming_asks_and_shows_the_reason_of_the_pause_if_there_is_one(signed_in: httpx.Client) -> None:
    asked = 'data-confirm="exports was paused by lapinq: “ask Lisa” Resume it?"'
    for page in ("/queues", "/queue?name=exports", "/"):
        assert asked in signed_in.get(page).text, page
    signed_in.post("/api/v1/queues/quiet/pause").raise_for_status()
    assert "data-confirm" not in row(signed_in.get("/queues").text, "quiet")
    signed_in.post("/api/v1/queues/quiet/resume").raise_for_status()


def test_badges_tell_of_a_policy_and_what_is_wrong(signed_in: httpx.Client) -> None:
    policy = {"max_running": 2, "breaker": {"failures_in_row": 5}}
    signed_in.patch("/api/v1/queues/limited", json=policy).raise_for_status()
    page = signed_in.get("/queues").text
    assert ">no worker</span>" in row(page, "video")
    assert re.findall(r'<span class="status cancelled">(\w+)</span>', row(page, "limited")) == [
        "breaker",
        "policy",
    ]
    assert shown(signed_in, "?trouble=unserved&order=oldest") == ["mail", "video"]
    assert shown(signed_in, "?trouble=paused") == ["exports"]
    assert shown(signed_in, "?trouble=breaker") == []
    signed_in.patch("/api/v1/queues/limited", json=dict.fromkeys(policy)).raise_for_status()


def test_a_guessed_address_leads_to_the_queue(signed_in: httpx.Client) -> None:
    for guessed, there in (
        ("mail", "/queue?name=mail"),
        ("a%2Fb%20c", "/queue?name=a%2Fb+c"),
        ("", "/queues"),
    ):
        answer = signed_in.get(f"/queues/{guessed}")
        assert (answer.status_code, answer.headers["location"]) == (303, there)


def test_they_are_narrowed_down_and_ordered(signed_in: httpx.Client) -> None:
    assert shown(signed_in) == ["exports", "mail", "video"]
    assert shown(signed_in, "?q=AI") == ["mail"]
    assert shown(signed_in, "?order=pending")[:2] == ["video", "mail"]
    assert shown(signed_in, "?order=paused")[0] == "exports"
    assert "No queue name contains “nothing”." in signed_in.get("/queues?q=nothing").text


def test_of_very_many_it_shows_a_page_and_leads_on(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    db.execute(
        "INSERT INTO lapinq_counts (queue_name, completed) SELECT 'many ' || n, n FROM generate_series(1, 1000) n"
    )
    try:
        assert len(shown(signed_in)) == 100
        page = signed_in.get("/queues?order=failed").text
        assert "1 to 100 of 1\u202f003 queues" in page
        assert 'href="?order=failed&amp;cursor=100" rel="next"' in page
        assert len(shown(signed_in, "?cursor=1000")) == 3
        last = signed_in.get("/queues?cursor=1000").text
        assert "1\u202f001 to 1\u202f003 of 1\u202f003 queues" in last
        assert 'rel="next"' not in last
        assert "There is nothing on this page any more." in signed_in.get("/queues?cursor=2000").text
        assert shown(signed_in, "?q=many+77") == ["many%2077", *(f"many%20{n}" for n in range(770, 780))]
    finally:
        db.execute("DELETE FROM lapinq_counts WHERE queue_name LIKE 'many %%'")


def test_a_queue_that_is_called_like_a_path_leads_to_itself(
    signed_in: httpx.Client, api_database: str
) -> None:
    name, schedule = "../schedules/nightly", create(signed_in, "nightly")
    on_connections(api_database, partial(enqueue, queue_name=name))
    [there] = re.findall(r'data-dialog-to="([^"]+schedules[^"]+)"', signed_in.get("/queues").text)
    assert there == "api/v1/queues/..%2Fschedules%2Fnightly/pause"
    assert signed_in.post(f"/{there}").json()["queue_name"] == name
    assert signed_in.get("/api/v1/schedules/nightly").json()["paused_at"] is schedule["paused_at"] is None

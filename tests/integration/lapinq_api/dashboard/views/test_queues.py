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


def test_they_are_narrowed_down_and_ordered(signed_in: httpx.Client) -> None:
    assert shown(signed_in) == ["exports", "mail", "video"]
    assert shown(signed_in, "?q=AI") == ["mail"]
    assert shown(signed_in, "?order=pending")[:2] == ["video", "mail"]
    assert shown(signed_in, "?order=paused")[0] == "exports"
    assert "No queue name contains “nothing”." in signed_in.get("/queues?q=nothing").text


def test_of_very_many_it_shows_the_first_and_says_so(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    db.execute(
        "INSERT INTO lapinq_counts (queue_name, completed) SELECT 'many ' || n, n FROM generate_series(1, 1000) n"
    )
    try:
        assert len(shown(signed_in)) == 500
        page = signed_in.get("/queues").text
        assert "The first 500 of 1\u202f003 queues. Narrow them down by name" in page
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

"""The page of the queues."""

import re
from collections.abc import Iterator
from functools import partial

import httpx
import psycopg
import pytest

from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.schedules_over_http import create
from tests.support.rows.factories import Conn, enqueue

pytestmark = pytest.mark.http

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="module", autouse=True)
def _filled(api_database: str, signed_in: httpx.Client) -> None:
    async def fill(conn: Conn) -> None:
        await enqueue(conn, 3, queue_name="mail")
        await enqueue(conn, 1200, queue_name="video")
        await enqueue(conn, queue_name=HOSTILE)

    on_connections(api_database, fill)
    paused = signed_in.post("/api/v1/queues/exports/pause", json={"reason": f"ask Lisa {HOSTILE}"})
    assert paused.status_code == 200


@pytest.fixture(scope="module")
def user(signed_in: httpx.Client) -> Iterator[httpx.Client]:
    """Somebody who may pause one of the queues."""
    person = add_user(signed_in, video=["pause"], mail=["cancel"])
    with browser(signed_in, person["username"], PASSWORD) as client:
        yield client


def row(page: str, queue: str) -> str:
    """The row of a queue."""
    found = re.search(rf'<tr role="row" id="queue-{re.escape(queue)}">.*?</tr>', page, re.DOTALL)
    assert found, queue
    return found[0]


def shown(client: httpx.Client, query: str = "") -> list[str]:
    page = client.get(f"/queues{query}")
    assert page.status_code == 200
    return re.findall(r'<tr role="row" id="queue-([^"]+)"', page.text)


def test_a_queue_tells_how_full_it_is_and_leads_to_its_page(signed_in: httpx.Client) -> None:
    html = row(signed_in.get("/queues").text, "video")
    assert ">1\u202f200</td>" in html
    assert 'href="queue?name=video"' in html
    assert re.search(
        r'data-label="Oldest waiting" class="number"><time datetime="[^"]+" data-as="running">', html
    )


def test_a_paused_queue_without_tasks_is_there_and_says_why(signed_in: httpx.Client) -> None:
    html = row(signed_in.get("/queues").text, "exports")
    assert re.search(r'Paused <time datetime="[^"]+" data-as="age">[^<]+</time> by lapinq: ask Lisa', html)
    assert 'data-to="api/v1/queues/exports/resume"' in html


def test_what_people_called_things_is_escaped(signed_in: httpx.Client) -> None:
    page = signed_in.get("/queues").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in row(page, "exports")
    assert "queue?name=%22%3E%3Cscript%3Ealert" in page
    searched = signed_in.get("/queues", params={"q": HOSTILE}).text
    assert "<script>alert" not in searched


def test_who_may_not_pause_a_queue_is_not_offered_to(signed_in: httpx.Client, user: httpx.Client) -> None:
    page = user.get("/queues").text
    assert 'data-dialog-to="api/v1/queues/video/pause"' in row(page, "video")
    assert "data-dialog" not in row(page, "mail")
    assert re.search(r'data-why="[^"]*pause[^"]*mail" aria-label="Pause: ', row(page, "mail"))
    assert "data-to" not in row(page, "exports")
    assert 'data-dialog-to="api/v1/queues/mail/pause"' in row(signed_in.get("/queues").text, "mail")


def test_they_are_narrowed_down_and_ordered(signed_in: httpx.Client) -> None:
    assert shown(signed_in)[1:] == ["exports", "mail", "video"]
    assert shown(signed_in, "?q=AI") == ["mail"]
    assert shown(signed_in, "?order=pending")[:2] == ["video", "mail"]
    assert shown(signed_in, "?order=paused")[0] == "exports"
    assert "No queue name contains “nothing”." in signed_in.get("/queues?q=nothing").text


@pytest.mark.parametrize("query", ["q=%00", "q=" + "x" * 256, "order=size", "order=%22%3E"])
def test_what_cannot_be_asked_is_answered_with_a_page(signed_in: httpx.Client, query: str) -> None:
    answer = signed_in.get(f"/queues?{query}")
    assert answer.status_code == 400
    assert "The page does not understand this request" in answer.text


def test_of_very_many_it_shows_the_first_and_says_so(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    db.execute(
        "INSERT INTO lapinq_counts (queue_name, completed) SELECT 'many ' || n, n FROM generate_series(1, 1000) n"
    )
    try:
        assert len(shown(signed_in)) == 500
        page = signed_in.get("/queues").text
        assert "The first 500 of 1\u202f004 queues. Narrow them down by name" in page
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

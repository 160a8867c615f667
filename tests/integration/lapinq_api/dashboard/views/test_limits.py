"""The page of named limits, and those of a queue on its page."""

import re
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http


@pytest.fixture(scope="module", autouse=True)
def _filled(api_database: str, signed_in: httpx.Client) -> None:
    rate = {"limit": 90_000, "period_seconds": 60}
    assert signed_in.put("/api/v1/limits/gpu", json={"max_running": 2}).is_success
    assert signed_in.put("/api/v1/limits/openai", json={"rate": rate, "max_running": 500}).is_success

    async def fill(conn: Conn) -> None:
        await enqueue(conn, 4, queue_name="video", limits={"gpu": 1})
        await claim(conn, await add_worker(conn), 5, "video")

    on_connections(api_database, fill)


@pytest.fixture(scope="module")
def user(signed_in: httpx.Client) -> Iterator[httpx.Client]:
    """Somebody who may pause one queue."""
    person = add_user(signed_in, video=["pause"])
    with browser(signed_in, person["username"], PASSWORD) as client:
        yield client


def row(client: httpx.Client, limit: str) -> str:
    page = client.get("/limits")
    assert page.status_code == 200
    found = re.search(rf'<tr role="row" id="limit-{limit}">.*?</tr>', page.text, re.DOTALL)
    assert found
    return found[0]


def test_meters_show_what_is_used(signed_in: httpx.Client) -> None:
    gpu = row(signed_in, "gpu")
    assert '<progress max="2" value="2" aria-label="Running tasks of gpu"></progress>' in gpu
    assert 'href="queue?name=video"' in gpu
    assert '<span class="status pending">full</span>' in gpu
    openai = row(signed_in, "openai")
    assert '<progress max="90000" value="90000' in openai
    assert "90\u202f000 in 1 min" in openai
    assert '<span class="status completed">open</span>' in openai


def test_a_closed_limit_says_when_it_opens_and_admins_may_open_it(
    signed_in: httpx.Client, user: httpx.Client, db: psycopg.Connection
) -> None:
    db.execute(
        "INSERT INTO lapinq_limit_news (limit_name, closed_until)"
        " VALUES ('openai', lapinq_now() + interval '30 seconds')"
    )
    html = row(signed_in, "openai")
    assert re.search(r'closed</span> Opens <time datetime="[^"]+" data-as="age">', html)
    assert 'data-to="api/v1/limits/openai/open"' in html
    assert 'data-to="api/v1/limits/openai"' in html
    assert "data-to" not in row(user, "openai")


def test_only_admins_are_offered_to_change_them(signed_in: httpx.Client, user: httpx.Client) -> None:
    for client, refused in ((signed_in, []), (user, ["New limit", "Edit", "Delete"])):
        page = client.get("/limits").text
        assert re.findall(r'data-why="[^"]+" aria-label="([^":]+): [^"]*admin', page)[:3] == refused
        assert ('data-dialog="set-limit"' in page) is (client is signed_in)


def test_a_queue_shows_the_limits_of_its_tasks_and_leads_to_all(signed_in: httpx.Client) -> None:
    page = signed_in.get("/queue?name=video").text
    assert 'href="limits#limit-gpu"' in page
    assert "limit-openai" not in page
    assert 'id="limits"' not in signed_in.get("/queue?name=other").text
    assert 'href="limits"' in signed_in.get("/queues").text

"""The page of the workers."""

import uuid

import httpx
import psycopg
import pytest

from lapinq_core.fleet import operators
from tests.support.database.running import on_connections
from tests.support.http.people import add_user, browser
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def worker(api_database: str) -> str:
    """The id of a live worker with a hostile name, which runs one task."""

    async def make(conn: Conn) -> str:
        made = await add_worker(conn, name=HOSTILE, queues=["video & more"], concurrency=7, release="r7")
        await enqueue(conn, queue_name="video & more", task_name="transcode")
        await claim(conn, made, queue="video & more")
        return made

    return on_connections(api_database, make)


def test_a_worker_is_shown_with_what_it_serves_and_holds(signed_in: httpx.Client, worker: str) -> None:
    html = signed_in.get("/workers").text
    assert f'id="worker-{worker}"' in html
    assert '<span class="status completed">alive</span>' in html
    assert '<a href="queue?name=video%20%26%20more">video &amp; more</a>' in html
    assert "1 task claimed" in html
    assert ">transcode</a>" in html
    assert HOSTILE not in html


def test_only_who_may_steer_is_offered_to(signed_in: httpx.Client, api: httpx.Client, worker: str) -> None:
    place = f'data-to="api/v1/workers/{worker}/'
    html = signed_in.get("/workers").text
    assert f'{place}quiet"' in html
    assert f'{place}stop"' in html
    user = add_user(signed_in, default=["pause"])
    with browser(api, user["username"], "correct horse") as client:
        for path in ("/workers", f"/workers/{worker}"):
            page = client.get(path).text
            assert place not in page
            assert 'aria-label="Stop: Only admins can do this"' in page


def test_who_is_quiet_may_be_resumed_and_who_stops_may_not(
    signed_in: httpx.Client, worker: str, db: psycopg.Connection
) -> None:
    place = f"/api/v1/workers/{worker}"
    assert signed_in.post(f"{place}/quiet").status_code == 200
    html = signed_in.get("/workers").text
    assert "quieted by lapinq" in html
    assert f'data-to="{place[1:]}/resume"' in html
    assert signed_in.post(f"{place}/stop").status_code == 200
    html = signed_in.get("/workers").text
    assert "stopped by lapinq" in html
    assert f'data-to="{place[1:]}' not in html
    db.execute("UPDATE lapinq_workers SET asked_to = NULL")


def test_a_worker_has_a_page_with_what_it_runs_and_what_was_asked_of_it(
    signed_in: httpx.Client, api: httpx.Client, worker: str
) -> None:
    html = signed_in.get(f"/workers/{worker}").text
    assert '<a href="../queue?name=video%20%26%20more">video &amp; more</a>' in html
    assert ">transcode</a>" in html
    assert "<dd>r7</dd>" in html
    assert "Quieted" in html
    assert f'data-to="api/v1/workers/{worker}/quiet"' in html
    assert HOSTILE not in html
    user = add_user(signed_in, default=["pause"])
    with browser(api, user["username"], "correct horse") as client:
        html = client.get(f"/workers/{worker}").text
        assert "data-to" not in html
        assert "Quieted" not in html  # who asked for it is in the audit log, which is for admins


def test_a_name_leads_to_the_latest_boot(signed_in: httpx.Client, api_database: str) -> None:
    async def boot_twice(conn: Conn) -> str:
        await add_worker(conn, name="box-7")
        return await add_worker(conn, name="box-7")

    latest = on_connections(api_database, boot_twice)
    assert f"<code>{latest}</code>" in signed_in.get("/workers/box-7").text


def test_a_worker_that_is_gone_leaves_its_tasks(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    gone = str(uuid.uuid4())
    html = signed_in.get(f"/workers/{gone}").text
    assert "This worker is gone" in html
    assert f'href="../tasks?worker={gone}"' in html
    assert signed_in.get("/workers/x").status_code == 404
    assert signed_in.get(f"/tasks?worker={gone}").status_code == 200


def test_without_workers_it_says_how_to_start_one(
    signed_in: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(_conn: psycopg.AsyncConnection) -> operators.Fleet:
        return operators.Fleet([], 0)

    monkeypatch.setattr(operators, "list_workers", nobody)
    html = signed_in.get("/workers").text
    assert "No workers" in html
    assert "lapinq worker --concurrency 4" in html

"""The page of the workers, and of one."""

import re
import uuid
from functools import partial

import httpx
import psycopg
import pytest

from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn, add_worker, beat, claim, enqueue

pytestmark = pytest.mark.http


@pytest.fixture(scope="module")
def worker(api_database: str) -> str:
    """The id of a live worker, which runs one task."""

    async def make(conn: Conn) -> str:
        made = await add_worker(conn, name="box-1", queues=["video & more"], concurrency=7, release="r7")
        await enqueue(conn, queue_name="video & more", task_name="transcode")
        await claim(conn, made, queue="video & more")
        return made

    return on_connections(api_database, make)


def test_a_worker_is_shown_with_what_it_serves_and_holds_and_was_asked(
    signed_in: httpx.Client, worker: str, db: psycopg.Connection
) -> None:
    html = signed_in.get("/workers").text
    assert f'id="worker-{worker}"' in html
    assert '<span class="status completed">alive</span>' in html
    assert '<span title="video &amp; more">video &amp; more</span>' in html
    assert re.search(r'class="longest"><a href="tasks/[^"]+">transcode</a> <time', html)
    # Who is quiet may be resumed, and who stops may not.
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

    html = signed_in.get(f"/workers/{worker}").text
    assert '<a href="../queue?name=video%20%26%20more">video &amp; more</a>' in html
    assert ">transcode</a>" in html
    assert "<dd>r7</dd>" in html
    assert "Quieted" in html
    user = add_user(signed_in, default=["pause"])
    with browser(signed_in, user["username"], PASSWORD) as client:
        html = client.get(f"/workers/{worker}").text
        assert "Quieted" not in html  # who asked for it is in the audit log, which is for admins


def test_a_worker_that_is_stuck_and_a_task_that_runs_for_too_long_are_marked(
    signed_in: httpx.Client, api_database: str, queue: str, db: psycopg.Connection
) -> None:
    queues = [queue, "b", "c", "d", "e"]

    async def make(conn: Conn, name: str, task_name: str) -> str:
        made = await add_worker(conn, name=name, queues=queues)
        await enqueue(conn, queue_name=queue, task_name=task_name)
        await claim(conn, made, queue=queue)
        await conn.execute(
            "UPDATE lapinq_running SET claimed_at = claimed_at - interval '1 hour' WHERE worker_id = %s",
            (made,),
        )
        await beat(conn, made, blocked_seconds=125.0)
        return made

    db.execute(
        "INSERT INTO lapinq_task_rollups (queue_name, task_name, since, span, runs)"
        " SELECT %s, 'crawl', date_bin('1 minute', lapinq_now(), to_timestamp(0)), 60, array_fill(1, ARRAY[10])",
        (queue,),
    )
    worker = on_connections(api_database, partial(make, name="stuck", task_name="crawl"))
    other = on_connections(api_database, partial(make, name="unknown", task_name="first"))

    def row(worker: str) -> str:
        html = signed_in.get("/workers").text
        found = re.search(f'<tr role="row" id="worker-{worker}">.*?</tr>', html, re.DOTALL)
        assert found is not None
        return found[0]

    shown = row(worker)
    assert '<span class="status failed">stuck</span>' in shown
    assert "Event loop blocked for 2 min 5 s" in shown
    assert f"{queue}, b and 3 more</span>" in shown
    assert '<span class="hint problem-hint">usually' in shown
    assert "usually" not in row(other)
    html = signed_in.get(f"/workers/{worker}").text
    assert "A coroutine has blocked its event loop for 2 min 5 s" in html


def test_a_name_leads_to_the_latest_boot_and_one_that_is_gone_leaves_its_tasks(
    signed_in: httpx.Client, api_database: str
) -> None:
    async def boot_twice(conn: Conn) -> str:
        await add_worker(conn, name="box-7")
        return await add_worker(conn, name="box-7")

    latest = on_connections(api_database, boot_twice)
    assert f"<code>{latest}</code>" in signed_in.get("/workers/box-7").text
    gone = str(uuid.uuid4())
    html = signed_in.get(f"/workers/{gone}").text
    assert "This worker is gone" in html
    assert f'href="../tasks?worker={gone}"' in html
    assert signed_in.get(f"/tasks?worker={gone}").status_code == 200

"""The page of the schedules."""

import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import httpx
import psycopg
import pytest

from lapinq_core.schedules import firing, schedules
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import SOMEBODY, Conn
from tests.support.rows.schedules import add_schedule

pytestmark = pytest.mark.http

HOSTILE = "\"><script>alert(1)<script> & '"
OUTCOMES = ("enqueued", "held", "skipped", "missed")


@pytest.fixture(scope="module", autouse=True)
def _filled(api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        await add_schedule(conn, "nightly", cron="0 3 * * 1-5", timezone="Europe/Madrid", queue_name="mail")
        await add_schedule(conn, "often", every="10m", queue_name="video", task_name="transcode")
        await add_schedule(conn, HOSTILE, cron="0 0 1 1 *", queue_name=HOSTILE, task_name=HOSTILE)
        await add_schedule(conn, "resting", queue_name="video")
        await schedules.pause(conn, "resting", f"ask Lisa {HOSTILE}", by=SOMEBODY)

    on_connections(api_database, fill)


@pytest.fixture(scope="module")
def user(signed_in: httpx.Client) -> Iterator[httpx.Client]:
    """Somebody who may pause those of one queue, and run those of another."""
    person = add_user(signed_in, video=["pause"], mail=["enqueue"])
    with browser(signed_in, person["username"], PASSWORD) as client:
        yield client


def row(page: str, name: str) -> str:
    """The row of a schedule."""
    found = re.search(rf'<tr role="row" id="schedule-{re.escape(name)}"[^>]*>.*?</tr>', page, re.DOTALL)
    assert found, name
    return found[0]


def shown(client: httpx.Client, **params: str) -> list[str]:
    page = client.get("/schedules", params=params)
    assert page.status_code == 200
    return [unquote(name) for name in re.findall(r'<tr role="row" id="schedule-([^"]+)"', page.text)]


def add_ticks(db: psycopg.Connection, name: str, *outcomes: str, **values: Any) -> None:
    """Ticks of every hour before now, the first outcome for the latest; with ids of tasks that are gone."""
    for hour, outcome in enumerate(outcomes):
        db.execute(
            "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome, task_id)"
            " SELECT id, t, t + interval '3 seconds', %s, %s FROM lapinq_schedules,"
            " LATERAL (SELECT date_trunc('second', lapinq_now()) - %s * interval '1 hour' AS t) AS t WHERE name = %s",
            (outcome, uuid.uuid4() if outcome == "enqueued" else None, hour + 1, name),
        )


def test_a_schedule_says_when_it_comes_and_leads_to_its_page(signed_in: httpx.Client) -> None:
    html = row(signed_in.get("/schedules").text, "nightly")
    assert 'href="schedules/nightly"' in html
    assert "At 03:00, Monday through Friday" in html
    assert "<code>0 3 * * 1-5</code> Europe/Madrid" in html
    assert re.search(r'data-label="Next run"><time datetime="[^"]+" data-as="age">', html)
    assert 'href="queue?name=mail"' in html
    assert "Every 10 minutes" in row(signed_in.get("/schedules").text, "often")


def test_it_is_told_in_spanish(signed_in: httpx.Client) -> None:
    page = signed_in.get("/schedules", headers={"Accept-Language": "es"}).text
    assert "<h1>Programaciones</h1>" in page
    assert "Cada 10 minutos" in row(page, "often")
    assert "en pausa" in row(page, "resting")


def test_a_paused_one_says_by_whom_and_why(signed_in: httpx.Client) -> None:
    html = row(signed_in.get("/schedules").text, "resting")
    assert re.search(rf"Paused <time [^>]+>[^<]+</time> by {SOMEBODY.actor}: ask Lisa", html)
    assert 'data-to="api/v1/schedules/resting/resume"' in html


def test_what_people_called_things_is_escaped(signed_in: httpx.Client) -> None:
    page = signed_in.get("/schedules").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in row(page, "resting")
    assert re.search(r'href="schedules/%22%3E%3Cscript%3Ealert%281%29[^"\']*"', page)
    assert shown(signed_in, name=HOSTILE) == [HOSTILE]
    assert "<script>alert" not in signed_in.get("/schedules", params={"name": HOSTILE, "queue": HOSTILE}).text


def test_the_latest_runs_are_a_strip_of_marks(
    signed_in: httpx.Client, api_database: str, db: psycopg.Connection
) -> None:
    add_ticks(db, "nightly", *OUTCOMES, *OUTCOMES[2:] * 9)

    async def run(conn: Conn) -> str | None:
        tick, _ = await firing.run_now(conn, "nightly", by=SOMEBODY)
        return tick.task_id

    task_id = on_connections(api_database, run)
    html = row(signed_in.get("/schedules").text, "nightly")
    marks = re.findall(r'class="mark (\w+)"', html)
    assert len(marks) == 20
    assert marks[-5:] == ["missed", "skipped", "held", "gone", "pending"]
    (link,) = re.findall(r'<a class="mark pending" href="([^"]+)" title="([^"]+)"></a>', html)
    assert link[0] == f"tasks/{task_id}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: pending", link[1])
    assert len(re.findall(r'<span class="mark \w+" role="img" aria-label="[^"]+ UTC: \w', html)) == 19
    last = re.search(r'data-label="Last run">(.*?)</td>', html, re.DOTALL)
    assert last
    assert "enqueued" in last[1]
    assert f'href="tasks/{task_id}"><span class="status pending">' in last[1]


def test_they_are_narrowed_down(signed_in: httpx.Client) -> None:
    assert shown(signed_in)[1:4] == ["nightly", "often", "resting"]
    assert shown(signed_in, name="T", queue="video") == ["often", "resting"]
    assert shown(signed_in, name="NSCOD") == ["often"]
    assert shown(signed_in, state="paused") == ["resting"]
    assert "No schedule matches." in signed_in.get("/schedules?name=nothing").text


def test_the_others_are_a_page_away(signed_in: httpx.Client, api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        for number in range(60):
            await add_schedule(conn, f"zz {number:02}", queue_name="many")

    on_connections(api_database, fill)
    page = signed_in.get("/schedules", params={"queue": "many"}).text
    (after,) = re.findall(r'href="(\?[^"]+)" rel="next"', page)
    second = signed_in.get(f"/schedules{after.replace('&amp;', '&')}").text
    seen = [re.findall(r'id="schedule-([^"]+)"', one) for one in (page, second)]
    assert (len(seen[0]), len(seen[1])) == (50, 10)
    assert seen[0] + seen[1] == [f"zz%20{number:02}" for number in range(60)]
    assert "First page" in second


@pytest.mark.parametrize("query", ["queue=%00", "state=lost", "name=%00", "cursor=%22%3E", "cursor=x"])
def test_what_cannot_be_asked_is_answered_with_a_page(signed_in: httpx.Client, query: str) -> None:
    answer = signed_in.get(f"/schedules?{query}")
    assert answer.status_code == 400
    assert "The page does not understand this request" in answer.text


def test_buttons_are_for_those_who_may(signed_in: httpx.Client, user: httpx.Client, serve: Serve) -> None:
    page = user.get("/schedules").text
    assert "nightly/run" in row(page, "nightly")
    assert "nightly/pause" not in row(page, "nightly")
    assert 'data-dialog-to="api/v1/schedules/often/pause"' in row(page, "often")
    assert "often/run" not in row(page, "often")
    assert "resting/resume" in row(page, "resting")
    assert 'href="schedules/new"' in page
    looking = add_user(signed_in)
    with browser(signed_in, looking["username"], PASSWORD) as client:
        page = client.get("/schedules").text
        assert 'href="schedules/new"' not in page
        assert 'data-to="api' not in page
        assert "data-dialog=" not in page
    with browser(serve(read_only=True)) as client:
        page = client.get("/schedules").text
        assert "nightly" in page
        assert 'data-to="api' not in page
        assert 'href="schedules/new"' not in page


def test_ticks_that_nobody_fires_are_told_of(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    alert = "because no scheduler is running. Start one: lapinq scheduler"
    assert alert not in signed_in.get("/schedules").text
    db.execute(
        "UPDATE lapinq_schedules SET next_fire_at = lapinq_now() - interval '5 minutes' WHERE name = 'often'"
    )
    try:
        assert f"A schedule is 5 min late {alert}" in signed_in.get("/schedules").text
        assert alert in signed_in.get("/schedules/often").text
        assert alert not in signed_in.get("/schedules/nightly").text
    finally:
        db.execute(
            "UPDATE lapinq_schedules SET next_fire_at = lapinq_now() + interval '5 minutes' WHERE name = 'often'"
        )


def test_without_any_it_says_how_to_make_one(serve: Serve, database: str) -> None:
    with browser(serve(database_url=database)) as client:
        page = client.get("/schedules").text
        assert 'href="schedules/new"' in page
        assert "/api/v1/schedules" in page
        assert '@tasks.cron("*/5 * * * *", tz="Europe/Madrid")' in page
        assert "@tasks.cron(" not in client.get("/schedules?state=ended").text

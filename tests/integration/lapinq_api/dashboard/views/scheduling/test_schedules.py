"""The page of the schedules."""

import re
import uuid
from urllib.parse import unquote

import httpx
import psycopg
import pytest

from lapinq_core.schedules import firing, schedules
from tests.support.database.running import on_connections
from tests.support.rows.factories import SOMEBODY, Conn
from tests.support.rows.schedules import add_schedule

pytestmark = pytest.mark.http

OUTCOMES = ("enqueued", "held", "skipped", "missed")


@pytest.fixture(scope="module", autouse=True)
def _filled(api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        await add_schedule(conn, "nightly", cron="0 3 * * 1-5", timezone="Europe/Madrid", queue_name="mail")
        await add_schedule(conn, "often", every="10m", queue_name="video", task_name="transcode")
        await add_schedule(conn, "resting", queue_name="video")
        await schedules.pause(conn, "resting", "ask Lisa", by=SOMEBODY)

    on_connections(api_database, fill)


def row(page: str, name: str) -> str:
    """The row of a schedule."""
    found = re.search(rf'<tr role="row" id="schedule-{re.escape(name)}"[^>]*>.*?</tr>', page, re.DOTALL)
    assert found, name
    return found[0]


def shown(client: httpx.Client, **params: str) -> list[str]:
    page = client.get("/schedules", params=params)
    assert page.status_code == 200
    return [unquote(name) for name in re.findall(r'<tr role="row" id="schedule-([^"]+)"', page.text)]


def add_ticks(db: psycopg.Connection, name: str, *outcomes: str) -> None:
    """Ticks of every hour before now, the first outcome for the latest; with ids of tasks that are gone."""
    for hour, outcome in enumerate(outcomes):
        db.execute(
            "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome, task_id)"
            " SELECT id, t, t + interval '3 seconds', %s, %s FROM lapinq_schedules,"
            " LATERAL (SELECT date_trunc('second', lapinq_now()) - %s * interval '1 hour' AS t) AS t WHERE name = %s",
            (outcome, uuid.uuid4() if outcome == "enqueued" else None, hour + 1, name),
        )


def test_a_schedule_says_when_it_comes_or_why_it_is_paused_and_leads_to_its_page(
    signed_in: httpx.Client,
) -> None:
    page = signed_in.get("/schedules").text
    html = row(page, "nightly")
    assert 'href="schedules/nightly"' in html
    assert "At 03:00, Monday through Friday" in html
    assert "<code>0 3 * * 1-5</code> Europe/Madrid" in html
    assert re.search(r'data-label="Next run"><time datetime="[^"]+" data-as="age">', html)
    assert 'href="queue?name=mail"' in html
    assert "Every 10 minutes" in row(page, "often")
    resting = row(page, "resting")
    assert re.search(rf"Paused <time [^>]+>[^<]+</time> by {SOMEBODY.actor}: ask Lisa", resting)
    page = signed_in.get("/schedules", headers={"Accept-Language": "es"}).text
    assert "<h1>Programaciones</h1>" in page
    assert "Cada 10 minutos" in row(page, "often")
    assert "en pausa" in row(page, "resting")


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
    assert shown(signed_in) == ["nightly", "often", "resting"]
    assert shown(signed_in, name="T", queue="video") == ["often", "resting"]
    assert shown(signed_in, name="NSCOD") == ["often"]
    assert shown(signed_in, state="paused") == ["resting"]
    assert "No schedule matches." in signed_in.get("/schedules?name=nothing").text


def test_ticks_that_nobody_fires_are_told_of(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    alert = "because no scheduler is running. Start one: lapinq scheduler"
    assert alert not in signed_in.get("/schedules").text
    db.execute(
        "UPDATE lapinq_schedules SET next_fire_at = lapinq_now() - interval '5 minutes' WHERE name = 'often'"
    )
    assert f"A schedule is 5 min late {alert}" in signed_in.get("/schedules").text
    assert alert in signed_in.get("/schedules/often").text
    assert alert not in signed_in.get("/schedules/nightly").text

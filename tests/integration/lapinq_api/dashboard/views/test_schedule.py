"""The page of a schedule, and the form in which one is written."""

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import httpx
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from lapinq_core.schedules import firing, schedules
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.serving import serving
from tests.support.rows.factories import SOMEBODY, Conn, enqueue
from tests.support.rows.schedules import add_schedule, definition

pytestmark = pytest.mark.http

HOSTILE = "<b>&\"'"
SECRET = "hunter2"


@pytest.fixture(scope="module", autouse=True)
def _filled(api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        await add_schedule(
            conn,
            "nightly",
            cron="30 2 * * *",
            timezone="Europe/Madrid",
            queue_name="mail",
            kwargs={"password": SECRET, "to": "ada"},
            metadata={"team": "shop"},
            overlap="queue_one",
            misfire="all",
            misfire_limit=7,
            jitter=90,
            starts_at=datetime(2090, 3, 26, tzinfo=UTC),
        )
        await add_schedule(conn, HOSTILE, task_name=HOSTILE, queue_name=HOSTILE, metadata={HOSTILE: HOSTILE})
        await add_schedule(conn, "often", every="10m", queue_name="video")
        await schedules.create(
            conn, definition("kept", every="1h"), by=SOMEBODY, source=f"schedules.toml {HOSTILE}"
        )

    on_connections(api_database, fill)


@pytest.fixture(scope="module")
def redacting(api_database: str) -> Iterator[httpx.Client]:
    """Somebody who may write schedules, and from whom passwords are hidden."""
    with (
        serving(build_app(Settings(database_url=api_database, redact=("password",)))) as server,
        browser(server) as admin,
    ):
        person = add_user(admin, mail=["enqueue"])
        with browser(server, person["username"], PASSWORD) as client:
            yield client


def page_of(client: httpx.Client, name: str, after: str = "", **headers: str) -> str:
    answer = client.get(f"/schedules/{quote(name, safe='')}{after}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def field(page: str, name: str) -> str:
    found = re.search(rf'<(?:input|textarea|select)[^>]* name="{name}"[^>]*>', page)
    assert found, name
    return found[0]


def test_it_says_what_it_is_and_does_in_plain_words(signed_in: httpx.Client) -> None:
    page = page_of(signed_in, "nightly")
    assert "At 02:30" in page
    assert "run all missed runs, the latest 7 at most" in page
    assert "one run waits for the previous one to end" in page
    assert "each task starts up to 1 min 30 s late" in page
    assert 'href="../queue?name=mail"' in page
    assert SECRET in page
    assert "Cada 10 minutos" in page_of(signed_in, "often", **{"Accept-Language": "es"})


def test_the_next_runs_are_told_on_the_clocks_of_its_zone(signed_in: httpx.Client) -> None:
    page = page_of(signed_in, "nightly")
    # In the night of the 26th clocks are put forward: 02:30 does not come, and is made up for at 03:00.
    assert re.findall(r'rowheader">(\d[\d: +-]+)</th>', page) == [
        "2090-03-26 03:00:00 +02:00",
        *(f"2090-03-{day} 02:30:00 +02:00" for day in range(27, 31)),
    ]
    assert "2090-03-26 01:00:00 UTC" in page


def test_the_history_tells_of_each_run(
    signed_in: httpx.Client, api_database: str, db: psycopg.Connection
) -> None:
    async def run(conn: Conn) -> str | None:
        tick, _ = await firing.run_now(conn, "often", by=SOMEBODY)
        return tick.task_id

    task_id = on_connections(api_database, run)
    db.execute(
        "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome, missed_from)"
        " SELECT id, lapinq_now() - n * interval '1 hour', lapinq_now(), 'missed', lapinq_now() - interval '9 days'"
        "   FROM lapinq_schedules, generate_series(1, 60) AS n WHERE name = 'often'"
    )
    page = page_of(signed_in, "often")
    first, *_ = rows = re.findall(r'<tr role="row" id="tick-.*?</tr>', page, re.DOTALL)
    assert len(rows) == 50
    assert f"Started by {SOMEBODY.actor}." in first
    assert f'href="../tasks/{task_id}"' in first
    assert re.search(r"Runs since <time [^>]+>[^<]+</time> were missed.", rows[1])
    assert re.search(r'data-label="Late by" class="number">(59 min|1 h)<', rows[1])
    (older,) = re.findall(r'href="(\?cursor=[^"]+)" rel="next"', page)
    second = page_of(signed_in, "often", older)
    assert len(re.findall(r'id="tick-', second)) == 11
    task = signed_in.get(f"/tasks/{task_id}").text
    assert '<dt>Schedule</dt><dd><a href="../schedules/often">often</a>' in task


def test_a_task_that_only_says_so_leads_nowhere(signed_in: httpx.Client, api_database: str) -> None:
    for told in ("gone", 5, None, HOSTILE * 100):
        (task_id,) = on_connections(api_database, partial(enqueue, metadata={"schedule": told}))
        assert "<dt>Schedule</dt>" not in signed_in.get(f"/tasks/{task_id}").text


def test_an_unknown_one_and_a_name_that_none_has_are_told_by_a_page(signed_in: httpx.Client) -> None:
    for name, status in (("none", 404), ("x" * 256, 400), ("%20x", 400)):
        for after in ("", "/edit"):
            answer = signed_in.get(f"/schedules/{name}{after}")
            assert answer.status_code == status, name
            assert answer.headers["content-type"].startswith("text/html")
    assert "there is no schedule of this name" in html.unescape(signed_in.get("/schedules/none").text).lower()
    for cursor in ("x", "0001-01-01T00:00:00+14:00"):
        assert signed_in.get("/schedules/often", params={"cursor": cursor}).status_code == 400


def test_what_people_called_things_is_escaped(signed_in: httpx.Client) -> None:
    for after in ("", "/edit"):
        page = page_of(signed_in, HOSTILE, after)
        assert "<b>" not in page
        assert "&lt;b&gt;&amp;" in page
    assert f'data-to="api/v1/schedules/{quote(HOSTILE)}/run"' in page_of(signed_in, HOSTILE)
    kept = page_of(signed_in, "kept")
    assert "Managed in <code>schedules.toml &lt;b&gt;&amp;" in kept
    assert "the next apply overwrites changes made here" in page_of(signed_in, "kept", "/edit")


def test_what_is_hidden_is_on_no_page_and_not_in_the_form(
    signed_in: httpx.Client, redacting: httpx.Client
) -> None:
    page = page_of(redacting, "nightly")
    assert SECRET not in page
    assert "[hidden]" in page
    form = page_of(redacting, "nightly", "/edit")
    assert SECRET not in form
    assert "[hidden]" not in form
    assert 'name="kwargs"' not in form
    assert "Keyword arguments contains values that are hidden from you." in form
    assert "shop" in form
    assert SECRET in page_of(signed_in, "nightly", "/edit")


def test_the_form_holds_what_there_is(signed_in: httpx.Client) -> None:
    page = page_of(signed_in, "nightly", "/edit")
    assert 'value="30 2 * * *"' in field(page, "cron")
    assert 'value="Europe/Madrid"' in field(page, "timezone")
    assert 'value="2090-03-26T00:00"' in field(page, "starts_at")
    assert 'value="90"' in field(page, "jitter")
    assert 'name="name"' not in page
    assert re.search(r'<option value="queue_one" selected>', page)
    (text,) = re.findall(r'name="kwargs"[^>]*>([^<]*)</textarea>', page)
    assert json.loads(html.unescape(text)) == {"password": SECRET, "to": "ada"}
    new = signed_in.get("/schedules/new").text
    assert '<option value="Europe/Madrid">' in new
    assert 'value="UTC"' in field(new, "timezone")
    assert "<noscript>" in new
    assert re.search('type="submit"[^>]* disabled>', new)  # until its script runs


def test_the_form_is_for_those_who_may(signed_in: httpx.Client, serve: Serve) -> None:
    person = add_user(signed_in, video=["enqueue"], mail=["pause"])
    with browser(signed_in, person["username"], PASSWORD) as client:
        assert "<form" in page_of(client, "often", "/edit")
        assert '<form class="form-page schedule-form"' in client.get("/schedules/new").text
        denied = page_of(client, "nightly", "/edit")
        assert "You may not change schedules of queue mail" in denied
        assert SECRET not in denied
        assert "schedule-form" not in re.sub(r"<(script|link)[^>]*>", "", denied)
        page = page_of(client, "nightly")
        assert "nightly/edit" not in page
        assert "DELETE" not in page
        assert "nightly/pause" in page
    with browser(serve(read_only=True)) as client:
        assert "You may not create schedules" in client.get("/schedules/new").text

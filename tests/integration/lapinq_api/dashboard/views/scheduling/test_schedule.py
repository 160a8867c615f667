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
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.fleet import workers
from lapinq_core.runtime.settings import Settings
from lapinq_core.schedules import firing, schedules
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.serving import serving
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, enqueue
from tests.support.rows.schedules import add_schedule, definition

pytestmark = pytest.mark.http

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
        await add_schedule(conn, "often", every="10m", queue_name="video")
        await schedules.create(conn, definition("kept", every="1h"), by=SOMEBODY, source="schedules.toml")

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
    for words in (
        "At 02:30",
        "run all missed runs, the latest 7 at most",
        "one run waits for the previous one to end",
        "each task starts up to 1 min 30 s late",
        'href="../queue?name=mail"',
        SECRET,
    ):
        assert words in page
    assert "Cada 10 minutos" in page_of(signed_in, "often", **{"Accept-Language": "es"})
    # In the night of the 26th clocks are put forward: 02:30 does not come, and is made up for at 03:00.
    assert re.findall(r'rowheader">(\d[\d: +-]+)</th>', page) == [
        "2090-03-26 03:00:00 +02:00",
        *(f"2090-03-{day} 02:30:00 +02:00" for day in range(27, 31)),
    ]
    assert "2090-03-26 01:00:00 UTC" in page
    assert "Managed in <code>schedules.toml" in page_of(signed_in, "kept")
    assert "the next apply overwrites changes made here" in page_of(signed_in, "kept", "/edit")


def test_the_history_tells_of_each_run_and_its_task_of_the_schedule(
    signed_in: httpx.Client, api_database: str, db: psycopg.Connection
) -> None:
    async def run(conn: Conn) -> str | None:
        tick, _ = await firing.run_now(conn, "often", by=SOMEBODY)
        return tick.task_id

    task_id = on_connections(api_database, run)
    db.execute(
        "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome, missed_from)"
        " SELECT id, lapinq_now() - interval '1 hour', lapinq_now(), 'missed', lapinq_now() - interval '9 days'"
        "   FROM lapinq_schedules WHERE name = 'often'"
    )
    page = page_of(signed_in, "often")
    first, second = re.findall(r'<tr role="row" id="tick-.*?</tr>', page, re.DOTALL)
    assert f"Started by {SOMEBODY.actor}." in first
    assert f'href="../tasks/{task_id}"' in first
    assert re.search(r"Runs since <time [^>]+>[^<]+</time> were missed.", second)
    assert re.search(r'data-label="Late by" class="number">(59 min|1 h)<', second)
    assert 'data-label="Ran" class="number"><span class="none">' in first

    async def end(conn: Conn) -> None:
        await complete(conn, await claim(conn, await add_worker(conn), queue="video"))

    on_connections(api_database, end)
    db.execute("UPDATE lapinq_attempts SET run_seconds = 3.4 WHERE task_id = %s", (task_id,))
    assert 'data-label="Ran" class="number">3.4 s</td>' in page_of(signed_in, "often")
    task = signed_in.get(f"/tasks/{task_id}").text
    assert '<dt>Schedule</dt><dd><a href="../schedules/often">often</a>' in task
    # A task that only says so leads nowhere.
    for told in ("gone", 5, None, "x" * 1000):
        (task_id,) = on_connections(api_database, partial(enqueue, metadata={"schedule": told}))
        assert "<dt>Schedule</dt>" not in signed_in.get(f"/tasks/{task_id}").text


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
    assert '<option value="Europe/Madrid" selected>Madrid – Europe/Madrid</option>' in page
    assert 'value="2090-03-26T00:00"' in field(page, "starts_at")
    assert 'value="90"' in field(page, "jitter")
    assert 'name="name"' not in page
    assert re.search(r'<option value="queue_one" selected>', page)
    (text,) = re.findall(r'name="kwargs"[^>]*>([^<]*)</textarea>', page)
    assert json.loads(html.unescape(text)) == {"password": SECRET, "to": "ada"}
    new = signed_in.get("/schedules/new").text
    assert '<optgroup label="Europe">' in new
    assert '<option value="UTC" selected>UTC</option>' in new
    assert "<noscript>" in new
    assert re.search('type="submit"[^>]* disabled>', new)  # until its script runs


def test_the_form_offers_the_functions_that_workers_know(signed_in: httpx.Client, api_database: str) -> None:
    async def report(conn: Conn) -> None:
        told = [
            Registered("clean", "shop.upkeep", "nights", {}),
            Registered("clean", "shop.upkeep", None, {}),
        ]
        await workers.record_registered(conn, await add_worker(conn), told)

    on_connections(api_database, report)
    new = signed_in.get("/schedules/new").text
    assert new.count('<option value="clean" label="shop.upkeep"') == 1
    assert '<option value="shop.upkeep"></option>' in new


def test_it_is_run_with_other_arguments_by_a_form_that_holds_its_own(
    signed_in: httpx.Client, redacting: httpx.Client
) -> None:
    page = page_of(signed_in, "nightly", "/run")
    assert 'data-schedule="nightly"' in page
    assert SECRET in page
    hidden = page_of(redacting, "nightly", "/run")
    assert SECRET not in hidden
    assert "Keyword arguments contains values that are hidden from you." in hidden
    assert signed_in.get("/schedules/none/run").status_code == 404
    person = add_user(signed_in, mail=["pause"])
    with browser(signed_in, person["username"], PASSWORD) as client:
        assert "You may not change schedules of queue mail" in page_of(client, "nightly", "/run")


def test_the_form_is_for_those_who_may(signed_in: httpx.Client, serve: Serve) -> None:
    person = add_user(signed_in, video=["enqueue"], mail=["pause"])
    with browser(signed_in, person["username"], PASSWORD) as client:
        assert "<form" in page_of(client, "often", "/edit")
        assert '<form class="form-page schedule-form"' in client.get("/schedules/new").text
        denied = page_of(client, "nightly", "/edit")
        assert "You may not change schedules of queue mail" in denied
        assert SECRET not in denied
        assert "schedule-form" not in re.sub(r"<(script|link)[^>]*>", "", denied)
    with browser(serve(read_only=True)) as client:
        assert "You may not create schedules" in client.get("/schedules/new").text

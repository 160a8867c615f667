"""The dashboard: what it shows, and that nothing in it is run or trusted."""

import re

import httpx
import psycopg
import pytest

from lapinq_core.domain.tasks.state import Status
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, enqueue

pytestmark = pytest.mark.http

HOSTILE = '<script>alert("1")</script>'


@pytest.fixture(scope="module")
def filled(api_database: str) -> dict[Status, str]:
    """A task of every status, and one with a hostile name in a hostile queue."""

    async def fill(conn: Conn) -> dict[Status, str]:
        await enqueue(conn, task_name=HOSTILE, queue_name=f"</td>{HOSTILE}")
        return await one_of_each(conn, "mail")

    return on_connections(api_database, fill)


def test_an_empty_installation_says_how_to_begin(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    assert db.execute("SELECT count(*) FROM lapinq_tasks").fetchone() == (0,)
    page = signed_in.get("/")
    assert page.status_code == 200
    assert "No task yet" in page.text
    assert f"curl {str(signed_in.base_url).rstrip('/')}/api/v1/enqueue" in page.text


def test_it_shows_queues(signed_in: httpx.Client, filled: dict[Status, str]) -> None:
    assert filled
    html = signed_in.get("/").text
    assert re.search(r'<a href="[^"]*=mail"[^>]*>mail</a>', html)
    assert "Traceback" not in html


def test_what_users_named_is_escaped(signed_in: httpx.Client, filled: dict[Status, str]) -> None:
    assert filled
    html = signed_in.get("/").text
    assert HOSTILE not in html
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;" in html


def test_the_policy_lets_only_our_own_files_run(signed_in: httpx.Client) -> None:
    page = signed_in.get("/")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page.text)


def test_the_files_of_the_page_are_there_and_may_be_kept(signed_in: httpx.Client) -> None:
    addresses = set(re.findall(r'(?:src|href)="(static/[^"]+)"', signed_in.get("/").text))
    names = {address.rpartition("/")[2] for address in addresses}
    assert names >= {"app.js", "dashboard.css", "mark.svg", "theme.js", "uPlot.min.css"}
    for address in addresses:
        file = signed_in.get(f"/{address}")
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
        assert file.headers["content-type"].split(";")[0] in {"text/css", "text/javascript", "image/svg+xml"}


def test_the_scripts_that_scripts_import_are_there(signed_in: httpx.Client) -> None:
    (entry,) = re.findall(r'src="(static/[^"]+/app\.js)"', signed_in.get("/").text)
    waiting, seen = [entry], set[str]()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        script = signed_in.get(f"/{address}")
        assert script.status_code == 200
        folder = address.rpartition("/")[0]
        waiting += {f"{folder}/{name}" for name in re.findall(r'from "\./([^"]+)"', script.text)} - seen
    assert len(seen) > 5


def test_a_file_of_another_release_is_not_kept(signed_in: httpx.Client) -> None:
    file = signed_in.get("/static/0123456789ab/dashboard.css")
    assert file.status_code == 200
    assert file.headers["cache-control"] == "no-cache"

"""The page of a key: its tasks in all queues, and the links that lead to it."""

import re
from datetime import UTC, datetime

import httpx
import pytest

from lapinq_api.dashboard.views.queues import key
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http

KEY = "acme & <b>"


@pytest.fixture(scope="module")
def made(api_database: str) -> dict[str, str]:
    async def fill(conn: Conn) -> dict[str, str]:
        [failed] = await fail(conn, 1, "ValueError: no", queue_name="key 1", key=KEY)
        [running] = await enqueue(conn, queue_name="key 1", key=KEY)
        await claim(conn, await add_worker(conn), queue="key 1")
        [waiting] = await enqueue(conn, queue_name="key 2", key=KEY)
        [later] = await enqueue(conn, queue_name="key 2", key=KEY, scheduled_at="2099-01-01T00:00:00Z")
        return {"failed": failed, "running": running, "waiting": waiting, "delayed": later}

    return on_connections(api_database, fill)


def sections(page: httpx.Response) -> dict[str, list[str]]:
    """The ids of the tasks of each list."""
    assert page.status_code == 200, page.text
    found = re.findall(r'<section aria-labelledby="key-(\w+)">(.*?)</section>', page.text, re.DOTALL)
    return {name: re.findall(r'href="tasks/([0-9a-f-]{36})"', html) for name, html in found}


def test_it_has_the_tasks_of_all_queues_by_what_becomes_of_them(
    api: httpx.Client, signed_in: httpx.Client, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key, "SEARCH_SECONDS", 60.0)
    page = signed_in.get("/key", params={"name": KEY})
    assert sections(page) == {"queues": [], **{name: [task] for name, task in made.items()}}
    assert re.findall(r'id="place-key%20(\d)"', page.text) == ["1", "2"]
    assert "acme &amp; &lt;b&gt;</bdi></h1>" in page.text
    narrowed = sections(signed_in.get("/key", params={"name": KEY, "queue": "key 2"}))
    assert (narrowed["failed"], narrowed["waiting"]) == ([], [made["waiting"]])
    assert "No task of this key" in signed_in.get("/key?name=nobody").text
    reader = add_user(signed_in, "user")
    assert signed_in.post(f"/admin/users/{reader['id']}/reads", json={"queues": ["key 2"]}).is_success
    with browser(api, reader["username"], PASSWORD) as client:
        seen = client.get("/key", params={"name": KEY})
        assert (sections(seen)["running"], sections(seen)["failed"]) == ([], [])
        assert "key 1" not in seen.text
        assert client.get("/key", params={"name": KEY, "queue": "key 1"}).status_code == 403


def test_a_word_finds_keys_and_lists_lead_to_them(signed_in: httpx.Client, made: dict[str, str]) -> None:
    link = '<a href="key?name=acme%20%26%20%3Cb%3E"><bdi>acme &amp; &lt;b&gt;</bdi></a>'
    page = signed_in.get("/tasks?q=acme", follow_redirects=True)
    assert link in page.text
    assert 'href="tasks?keys=acme%2A">Tasks whose key begins with “acme”' in page.text
    listed = signed_in.get("/tasks", params={"keys": "acme*", "columns": "key"})
    assert listed.text.count(link) == len(made)
    assert f"key?name={KEY[:4]}" not in signed_in.get("/tasks?q=nothing", follow_redirects=True).text
    [hit] = signed_in.get("/search?text=acme", headers={"Accept": "application/json"}).json()["results"]
    assert (hit["kind"], hit["label"], hit["detail"]) == ("key", KEY, "key 1 +1")
    assert signed_in.get(f"/{hit['href']}").status_code == 200
    places = signed_in.get("/api/v1/task-keys", params={"key": KEY}).json()
    assert [(one["queue"], one["waiting"], one["running"]) for one in places] == [
        ("key 1", 0, 1),
        ("key 2", 1, 0),
    ]
    assert signed_in.get("/api/v1/task-keys").status_code == 400


def test_a_local_time_is_in_the_zone_that_the_browser_told(signed_in: httpx.Client) -> None:
    def asked(cookie: str | None, **query: str) -> httpx.Response:
        headers = {"Cookie": f"{_cookies(signed_in)}; lapinq_zone={cookie}"} if cookie else {}
        return signed_in.get("/tasks", params=query, headers=headers)

    to_list = asked("Asia/Kolkata", q="since:yesterday until:today")
    assert to_list.headers["location"] == "/tasks?zone=Asia%2FKolkata&since=yesterday&until=today"
    page = signed_in.get(to_list.headers["location"])
    assert "yesterday (Asia/Kolkata)" in page.text
    assert re.findall(r'id="q"[^>]*value="([^"]*)"', page.text) == ["since:yesterday until:today"]
    [until] = set(re.findall(r'data-query="[^"]*until=([^&"]*)', page.text))
    at = datetime.fromisoformat(httpx.QueryParams(f"x={until}")["x"])
    assert (at.astimezone(UTC).hour, at.astimezone(UTC).minute) == (18, 30)
    # A view is everyone's own yesterday; a link stays what it was.
    assert 'name="query" value="since=yesterday&amp;until=today"' in page.text
    assert asked("Europe/Madrid", since="today", zone="Asia/Kolkata").status_code == 200
    for cookie in (None, "no/where", '"'):
        assert "today (UTC)" in asked(cookie, since="today").text
    assert asked("Europe/Madrid", since="1h", until="2030-01-31T12:00Z").status_code == 200


def _cookies(client: httpx.Client) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)


def test_what_is_wrong_is_said_in_the_language_of_the_page(signed_in: httpx.Client) -> None:
    for query, sentence in (
        ("q=colour:red", "Filtro desconocido"),
        ('q=error:"no', "A error le faltan las comillas de cierre."),
        ('q="no', "A la búsqueda le faltan"),
        ("since=tomorrow", "since debe ser un tiempo hacia atrás"),
        ("not_keys=a,", "-key admite como máximo 20 valores"),
        ("worker=nobody", "worker debe ser el nombre"),
        ("cursor=x", "cursor debe venir"),
    ):
        page = signed_in.get(f"/tasks?{query}", headers={"Accept-Language": "es"}, follow_redirects=True)
        [problem] = re.findall(r'<p class="problem" role="alert">(.*?)</p>', page.text)
        assert (page.status_code, problem.startswith(sentence)) == (400, True), problem

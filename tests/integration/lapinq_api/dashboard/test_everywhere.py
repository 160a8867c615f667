"""The search of everything: what a text may mean, for the palette and as a page."""

from collections.abc import Callable

import httpx
import pytest

from lapinq_core.domain.ids import id_at
from lapinq_core.error_groups.recording import record
from tests.support.database.running import on_connections
from tests.support.http.people import browser
from tests.support.rows.factories import Conn, add_worker, claim, enqueue
from tests.support.rows.failures import failures
from tests.support.rows.schedules import add_schedule

pytestmark = pytest.mark.http


@pytest.fixture(scope="module")
def task_id(api_database: str) -> str:
    """A task of a queue, beside a schedule, a worker and a group of errors with like names."""

    async def fill(conn: Conn) -> str:
        await add_worker(conn, name="post-1")
        await add_schedule(conn, "the post at night", task_name="deliver")
        await record(conn, [failures("Postponed: it rains", queue="mail", task="deliver", failed=1)])
        (found,) = await enqueue(conn, task_name="stamp", queue_name="Post office/2")
        for n, (queue, key) in enumerate(
            (("a", "letter 17"), ("b", "letter 17"), ("b", "letter 17"), ("a", "letters"))
        ):
            # Their ids begin otherwise.
            await enqueue(conn, id=str(id_at(2**41 + n)), queue_name=queue, key=key)
        await claim(conn, await add_worker(conn), queue="b")
        await conn.execute("INSERT INTO lapinq_queues (name, paused_at) VALUES ('postponed', lapinq_now())")
        return found

    return on_connections(api_database, fill)


def found(client: httpx.Client, text: str) -> list[dict[str, str | None]]:
    answer = client.get("/search", params={"text": text}, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_names_are_found_wherever_they_are_and_tasks_by_the_beginning_of_their_id(
    signed_in: httpx.Client, task_id: str
) -> None:
    hits = found(signed_in, "POST")
    assert [(hit["kind"], hit["label"], hit["detail"]) for hit in hits] == [
        ("queue", "postponed", None),
        ("queue", "Post office/2", None),
        ("schedule", "the post at night", "deliver"),
        ("worker", "post-1", hits[3]["detail"]),
        ("error", "Postponed: it rains", "deliver"),
    ]
    assert [(hit["state"], hit["state_label"], hit["may_pause"]) for hit in hits[:2]] == [
        ("paused", "paused", False),
        (None, None, True),
    ]
    assert hits[1]["href"] == "queue?name=Post%20office%2F2"
    assert (hits[4]["state"], hits[4]["at"] is None) == ("open", False)
    assert found(signed_in, "% _") == []
    for text in (task_id[:8], task_id[:9], task_id[:23], task_id):
        for written in (text, text.replace("-", ""), f" {text.upper()} "):
            (hit,) = found(signed_in, written)
            assert (hit["kind"], hit["label"], hit["href"]) == ("task", "stamp", f"tasks/{task_id}")
            assert (hit["id"], hit["state"], hit["at"] is None) == (task_id[:18], "pending", False)


def test_keys_are_found_by_their_beginning_in_all_queues(signed_in: httpx.Client, task_id: str) -> None:
    assert task_id
    hits = [(hit["kind"], hit["label"], hit["detail"], hit["href"]) for hit in found(signed_in, "letter")]
    assert hits == [
        ("key", "letters", "a", "key?name=letters"),
        ("key", "letter 17", "a +1", "key?name=letter%2017"),
    ]
    assert found(signed_in, "etter") == []


def test_without_scripts_it_is_a_page(api: httpx.Client, signed_in: httpx.Client, task_id: str) -> None:
    html = signed_in.get("/search", params={"text": task_id}).text
    assert f'<a href="tasks/{task_id}">stamp</a>' in html
    assert "Nothing has this id or name" in signed_in.get("/search?text=nowhere").text
    assert "<table" not in signed_in.get("/search").text
    for text in ("x" * 201, "a\0"):
        for accept in ("application/json", "text/html"):
            answer = signed_in.get("/search", params={"text": text}, headers={"Accept": accept})
            assert (answer.status_code, "at most 200 characters" in answer.text) == (400, True)
            assert accept in answer.headers["content-type"]
    assert api.get("/search?text=post", headers={"Accept": "application/json"}).status_code == 401


def test_every_page_says_how_many_errors_are_open(task_id: str, serve: Callable[..., httpx.Client]) -> None:
    assert task_id
    with browser(serve()) as client:
        for path in ("/", "/workers", "/account", "/search"):
            assert '<span class="badge" aria-hidden="true">1</span>' in client.get(path).text, path

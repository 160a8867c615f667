"""The list of tasks: what it finds and says, what it offers to whom, and what it refuses."""

import html
import re
from datetime import UTC, datetime
from functools import partial

import httpx
import psycopg
import pytest

from lapinq_api.dashboard.views.tasks import tasks
from lapinq_api.dashboard.views.tasks.tasks import TASKS_SHOWN
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search.search import Found
from lapinq_core.tasks import worker_verbs
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http

TASKS = "/tasks"


def shown(page: httpx.Response) -> list[str]:
    """The ids of the tasks in the table."""
    assert page.status_code == 200, page.text
    return re.findall(r'<tr role="row" id="task-([0-9a-f-]+)"', page.text)


def row_of(page: httpx.Response, task_id: str) -> str:
    found = re.search(rf'<tr role="row" id="task-{task_id}".*?</tr>', page.text, re.DOTALL)
    assert found is not None
    return found[0]


def words_of(page: httpx.Response) -> str:
    """What stands in the search box."""
    [words] = re.findall(r'<input id="q" name="q" type="search" value="([^"]*)"', page.text)
    return html.unescape(words)


def links(page: httpx.Response, text: str) -> list[str]:
    return [
        html.unescape(address) for address in re.findall(rf'<a [^>]*href="([^"]+)"[^>]*>{text}<', page.text)
    ]


def queue_of(api: httpx.Client, task_id: str) -> str:
    return api.get(f"/api/v1/tasks/{task_id}").json()["queue_name"]


def test_every_filter_narrows_what_is_found(
    signed_in: httpx.Client, made: dict[Status, str], db: psycopg.Connection
) -> None:
    queue = queue_of(signed_in, made[Status.FAILED])

    def find(**query: str) -> set[str]:
        return set(shown(signed_in.get(TASKS, params={"queue": queue, **query})))

    everything, running = set(made.values()), {made[Status.RUNNING]}
    [(worker, name)] = db.execute(
        "SELECT w.id::text, w.name FROM lapinq_running r JOIN lapinq_workers w ON w.id = r.worker_id"
        " WHERE r.id = %s",
        tuple(running),
    ).fetchall()
    db.execute("UPDATE lapinq_workers SET name = 'one of a kind' WHERE id = %s", (worker,))
    for query, found in (
        ({}, everything),
        ({"task_name": "AD"}, everything),
        ({"task_name": "a%"}, set[str]()),
        ({"name": "add"}, everything),
        ({"name": "ad"}, set[str]()),
        ({"arguments": "[1"}, everything),
        ({"kwargs": "1"}, set[str]()),
        ({"status": "failed,expired"}, {made[Status.FAILED], made[Status.EXPIRED]}),
        ({"state": "ready,running"}, {made[Status.PENDING], *running}),
        ({"not_status": "pending", "not_names": "sub"}, everything - {made[Status.PENDING]}),
        ({"result": "done"}, {made[Status.COMPLETED]}),
        ({"error": "valueerror"}, {made[Status.FAILED]}),
        ({"since": "1h"}, everything),
        ({"until": "1h"}, set[str]()),
        ({"ended_since": "1h", "status": "failed"}, {made[Status.FAILED]}),
        ({"ended_until": "1h"}, set[str]()),
        ({"sort": "longest"}, running),
    ):
        assert find(**query) == found, query
    assert find(worker="one of a kind") == find(worker=worker) >= running
    db.execute("UPDATE lapinq_workers SET name = %s WHERE id = %s", (name, worker))


def test_words_lead_to_an_address_that_says_the_same_and_stand_in_the_box_again(
    signed_in: httpx.Client, made: dict[Status, str]
) -> None:
    queue = queue_of(signed_in, made[Status.FAILED])
    words = f'queue:"{queue}" status:failed add since:1h'
    for params, query in (
        ({"q": words}, {"queue": queue, "status": "failed", "task_name": "add", "since": "1h"}),
        ({"q": ""}, {}),
        ({"q": "send", "columns": "worker", "queue": queue}, {"task_name": "send", "columns": "worker"}),
        ({"args": "42", "queue": "a"}, {"arguments": "42", "queue": "a"}),  # an earlier name
        ({"queue": "", "status": "failed", "arguments": ""}, {"status": "failed"}),
    ):
        answer = signed_in.get(TASKS, params=params)
        address = httpx.URL(answer.headers["location"])
        assert (answer.status_code, address.path, dict(address.params)) == (303, TASKS, query)
    page = signed_in.get(TASKS, params={"q": words}, follow_redirects=True)
    assert shown(page) == [made[Status.FAILED]]
    assert words_of(page) == words
    # A filter that is on can be taken away.
    page = signed_in.get(TASKS, params={"queue": queue, "status": "failed", "cursor": made[Status.FAILED]})
    [without] = re.findall(
        r'<a href="([^"]+)" title="failed"><span class="hidden">Remove the filter', page.text
    )
    assert dict(httpx.URL(html.unescape(without)).params) == {"queue": queue}


def test_the_id_of_a_task_leads_to_it(signed_in: httpx.Client, made: dict[Status, str]) -> None:
    task_id = made[Status.FAILED]
    for words in (task_id, task_id.replace("-", ""), f"id:{task_id.upper()}"):
        to_list = signed_in.get(TASKS, params={"q": words}).headers["location"]
        answer = signed_in.get(to_list)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{TASKS}/{task_id}")
    unknown = signed_in.get(TASKS, params={"id": "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"})
    assert shown(unknown) == []
    begin = signed_in.get(TASKS, params={"q": task_id[:13]}, follow_redirects=True)
    assert task_id in shown(begin)
    [instead] = links(begin, "Search names instead")
    assert dict(httpx.URL(instead).params) == {"task_name": task_id[:13].replace("-", "")}


def test_columns_are_chosen_and_sorted_by_in_the_address(signed_in: httpx.Client, queue: str) -> None:
    page = signed_in.get(TASKS, params={"queue": queue, "state": "scheduled"})
    [hide] = links(page, '<span class="tick" aria-hidden="true">✓</span>Queue')
    assert (
        dict(httpx.URL(hide).params)["columns"] == "state,task,arguments,attempts,age,started,duration,error"
    )
    narrower = signed_in.get(f"/{hide}")
    [show] = links(narrower, '<span class="tick" aria-hidden="true"></span>Queue')
    assert dict(httpx.URL(show).params) == {"queue": queue, "state": "scheduled"}


def test_a_row_tells_how_its_task_is(signed_in: httpx.Client, queue: str, api_database: str) -> None:
    async def run(conn: Conn) -> dict[str, str]:
        ids = {
            "later": (await enqueue(conn, queue_name=queue, scheduled_at="2099-01-01T00:00:00Z"))[0],
            "failed": (await fail(conn, 1, "ValueError: <b>\nmore", queue_name=queue))[0],
            "running": (await enqueue(conn, queue_name=queue, priority=7))[0],
        }
        worker = await add_worker(conn, name="<i>worker</i>")
        [held] = await claim(conn, worker, queue=queue)
        await worker_verbs.report_progress(conn, [(held.id, held.token, 40, None)])
        return ids

    ids = on_connections(api_database, run)
    columns = "arguments,attempts,age,started,duration,worker,error"
    page = signed_in.get(TASKS, params={"queue": queue, "columns": columns})
    running = row_of(page, ids["running"])
    assert "40 %" in running
    assert "priority 7" in running
    assert 'data-as="running"' in running
    assert "&lt;i&gt;worker&lt;/i&gt;" in running
    assert f'href="tasks/{ids["running"]}"' in running
    assert "2099-01-01 00:00:00 UTC" in row_of(page, ids["later"])
    failed = row_of(page, ids["failed"])
    assert "ValueError: &lt;b&gt;</bdi></td>" in failed
    assert ">1, 1</bdi>" in failed
    assert "2<" in failed


def test_older_pages_go_on_where_one_ended(signed_in: httpx.Client, queue: str, api_database: str) -> None:
    ids = on_connections(api_database, partial(enqueue, count=TASKS_SHOWN + 3, queue_name=queue))[::-1]
    first = signed_in.get(TASKS, params={"queue": queue})
    assert shown(first) == ids[:TASKS_SHOWN]
    assert f"{TASKS_SHOWN + 3} tasks" in first.text
    [older] = links(first, "Older")
    # What arrives meanwhile is not in the way.
    on_connections(api_database, partial(enqueue, queue_name=queue))
    second = signed_in.get(f"/{older}")
    assert shown(second) == ids[TASKS_SHOWN:]
    assert links(second, "Older") == []
    [newest] = links(second, "Newest")
    assert dict(httpx.URL(newest).params) == {"queue": queue}


def test_a_search_that_finds_nothing_or_ran_out_of_time_says_so_and_leads_on(
    signed_in: httpx.Client, queue: str, monkeypatch: pytest.MonkeyPatch, api_database: str
) -> None:
    page = signed_in.get(TASKS, params={"queue": queue})
    assert shown(page) == []
    assert "No task matches." in page.text
    assert "0 tasks" in page.text
    on_connections(api_database, partial(enqueue, count=3, queue_name=queue))
    monkeypatch.setattr(tasks, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(tasks, "count", partial(tasks.count, seconds=0.0))
    page = signed_in.get(TASKS, params={"queue": queue, "arguments": "nothing"})
    assert page.status_code == 200
    assert "No match among the tasks back to" in page.text
    assert "No match so far" in page.text
    [further] = links(page, "Search further")
    assert httpx.URL(further).params["arguments"] == "nothing"
    assert "cursor" in httpx.URL(further).params


def test_whoever_searches_further_is_given_more_time(
    signed_in: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    reached = "01a20000-0000-7000-8000-000000000000"

    async def short(*_: object, seconds: float) -> Found:
        given.append(seconds)
        return Found([], reached, datetime.now(UTC))

    monkeypatch.setattr(tasks, "search", short)
    page = signed_in.get("/tasks?task_name=none").text
    link = f"tasks?task_name=none&amp;cursor={reached}&amp;far=1"
    assert f'href="{link}"' in page
    assert signed_in.get("/tasks?task_name=none&far=1").status_code == 200  # without a page before it
    assert signed_in.get(f"/{link.replace('&amp;', '&')}").status_code == 200
    assert given == [given[0], given[0], tasks.FAR_SECONDS]


WRONG = [
    ("q", "colour:red", 'Unknown filter "colour". Try queue, status, state, '),
    ("q", "stat:red", 'Unknown filter "stat". Try stat'),
    ("q", 'error:"no', "error has no closing quote"),
    ("status", "done", "status must be one of pending"),
    ("columns", "none", "columns must be some of state, task"),
    ("cursor", "x", "cursor must come from an earlier page"),
    ("worker", "nobody", "worker must be the name of a known worker"),
    ("worker", "a\0b", "worker must be the name of a known worker"),
    ("queue", "x" * 256, "queue must have 1 to 255 characters"),
    ("q", 'args.x:"a" -args.x:1', "args.x can't be excluded"),
    ("q", "since:tomorrow", "since must be a time ago"),
    ("zone", "Europe/Nowhere", "The address names a time zone"),
]


def test_a_wrong_value_is_answered_with_the_form_and_what_is_wrong(signed_in: httpx.Client) -> None:
    for name, value, sentence in WRONG:
        page = signed_in.get(TASKS, params={name: value}, follow_redirects=True)
        assert page.status_code == 400
        [problem] = re.findall(r'<p class="problem" role="alert">(.*?)</p>', page.text)
        assert html.unescape(problem).startswith(sentence)
        assert 'id="q"' in page.text
        assert "data-part" not in page.text
        if name not in {"cursor", "columns", "zone"} and "\0" not in value:
            assert value in words_of(page)

"""The list of tasks: what it finds and says, what it offers to whom, and what it refuses."""

import html
import re
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import httpx
import psycopg
import pytest

from lapinq_api.dashboard.views import tasks
from lapinq_api.dashboard.views.tasks import TASKS_SHOWN
from lapinq_core.domain.ids import id_at
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search import Found
from lapinq_core.tasks import worker_verbs
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http

TASKS = "/tasks"
HOSTILE = '"><script>alert(1)</script>'


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


# What it finds


def test_every_filter_narrows_what_is_found(
    signed_in: httpx.Client, made: dict[Status, str], db: psycopg.Connection
) -> None:
    queue = queue_of(signed_in, made[Status.FAILED])

    def find(**query: str) -> set[str]:
        return set(shown(signed_in.get(TASKS, params={"queue": queue, **query})))

    assert find() == set(made.values())
    for status, task_id in made.items():
        assert find(status=status.value) == {task_id}
        assert find(id=task_id[:-1]) >= {task_id}
    assert find(task_name="AD") == find(name="add") == set(made.values())
    assert find(task_name="a%") == find(name="ad") == find(task_name="_dd") == set()
    assert find(arguments="[1") == set(made.values())
    assert find(arguments="1%1") == find(kwargs="1") == find(metadata="1") == set()
    assert find(status="failed,expired") == {made[Status.FAILED], made[Status.EXPIRED]}
    assert find(state="ready,running") == {made[Status.PENDING], made[Status.RUNNING]}
    assert find(not_status="pending,completed", not_names="sub") == {
        made[status] for status in Status if status not in {Status.PENDING, Status.COMPLETED}
    }
    assert find(result="done") == {made[Status.COMPLETED]}
    assert find(error="valueerror") == {made[Status.FAILED]}
    assert find(since="1h") == find(until="2099-01-01") == set(made.values())
    assert find(until="1h") == find(since="2099-01-01T00:00Z") == set()
    assert find(sort="longest") == {made[Status.RUNNING]}
    [(worker, name)] = db.execute(
        "SELECT w.id::text, w.name FROM lapinq_running r JOIN lapinq_workers w ON w.id = r.worker_id"
        " WHERE r.id = %s",
        (made[Status.RUNNING],),
    ).fetchall()
    assert made[Status.RUNNING] in find(worker=worker)
    assert find(worker=worker) <= set(made.values())
    db.execute("UPDATE lapinq_workers SET name = 'one of a kind' WHERE id = %s", (worker,))
    assert find(worker="one of a kind") == find(worker=worker)
    db.execute("UPDATE lapinq_workers SET name = %s WHERE id = %s", (name, worker))


def test_errors_of_one_kind_are_found_together(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    async def run(conn: Conn) -> list[str]:
        await fail(conn, 1, "KeyError: 'a'", queue_name=queue)
        return [
            task_id
            for number in (1, 2)
            for task_id in await fail(conn, 1, f"ValueError: no {number}", queue_name=queue)
        ]

    ids = on_connections(api_database, run)
    page = signed_in.get(TASKS, params={"queue": queue, "error_kind": "ValueError: no *"})
    assert shown(page) == ids[::-1]
    assert words_of(page) == f'queue:"{queue}" kind:"ValueError: no *"'


def test_words_lead_to_an_address_that_says_the_same_and_stand_in_the_box_again(
    signed_in: httpx.Client, made: dict[Status, str]
) -> None:
    queue = queue_of(signed_in, made[Status.FAILED])
    answer = signed_in.get(TASKS, params={"q": f'status:failed  add queue:"{queue}" since:1h'})
    assert answer.status_code == 303
    address = httpx.URL(answer.headers["location"])
    assert (address.path, dict(address.params)) == (
        TASKS,
        {"queue": queue, "status": "failed", "task_name": "add", "since": "1h"},
    )
    page = signed_in.get(address)
    assert shown(page) == [made[Status.FAILED]]
    assert words_of(page) == f'queue:"{queue}" status:failed add since:1h'
    assert signed_in.get(TASKS, params={"q": ""}).headers["location"] == TASKS


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


def test_an_earlier_name_of_a_filter_still_works(signed_in: httpx.Client) -> None:
    answer = signed_in.get(TASKS, params={"args": "42", "queue": "a"})
    assert answer.headers["location"] == f"{TASKS}?arguments=42&queue=a"


def test_columns_are_chosen_and_sorted_by_in_the_address(signed_in: httpx.Client, queue: str) -> None:
    page = signed_in.get(TASKS, params={"queue": queue, "state": "scheduled"})
    [hide] = links(page, '<span class="tick" aria-hidden="true">✓</span>Queue')
    assert (
        dict(httpx.URL(hide).params)["columns"] == "state,task,arguments,attempts,age,started,duration,error"
    )
    narrower = signed_in.get(f"/{hide}")
    [show] = links(narrower, '<span class="tick" aria-hidden="true"></span>Queue')
    assert dict(httpx.URL(show).params) == {"queue": queue, "state": "scheduled"}
    found = signed_in.get(TASKS, params={"queue": queue, "q": "send", "columns": "worker"})
    assert found.headers["location"] == f"{TASKS}?task_name=send&columns=worker"


def test_what_a_form_left_empty_is_left_out_of_the_address(signed_in: httpx.Client) -> None:
    answer = signed_in.get(TASKS, params={"queue": "", "status": "failed", "arguments": ""})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{TASKS}?status=failed")


def test_a_filter_that_is_on_can_be_taken_away(signed_in: httpx.Client, made: dict[Status, str]) -> None:
    queue = queue_of(signed_in, made[Status.FAILED])
    page = signed_in.get(TASKS, params={"queue": queue, "status": "failed", "cursor": made[Status.FAILED]})
    [without] = [
        html.unescape(address)
        for address in re.findall(
            r'<a href="([^"]+)" aria-label="Remove the filter status: failed"', page.text
        )
    ]
    assert dict(httpx.URL(without).params) == {"queue": queue}
    assert set(shown(signed_in.get(f"/{without}"))) == set(made.values())


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


def test_what_others_named_is_escaped(signed_in: httpx.Client, api_database: str) -> None:
    on_connections(api_database, partial(enqueue, queue_name=HOSTILE, task_name=HOSTILE))
    page = signed_in.get(TASKS, params={"queue": HOSTILE})
    assert len(shown(page)) == 1
    assert "<script>alert" not in page.text
    assert not re.search(r"<style|\sstyle=|\son\w+=", page.text)


# Page by page


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


def test_a_search_that_finds_nothing_says_so(signed_in: httpx.Client, queue: str) -> None:
    page = signed_in.get(TASKS, params={"queue": queue})
    assert shown(page) == []
    assert "No task matches." in page.text
    assert "0 tasks" in page.text


def test_a_search_that_ran_out_of_time_says_how_far_it_came_and_leads_on(
    signed_in: httpx.Client, queue: str, monkeypatch: pytest.MonkeyPatch, api_database: str
) -> None:
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


# What it refuses


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"q": "colour:red"}, 'Unknown filter "colour". Try queue, status, state, '),
        ({"q": "stat:red"}, 'Unknown filter "stat". Try stat'),
        ({"q": 'error:"no'}, "error has no closing quote"),
        ({"q": "status:done"}, "status must be one of pending"),
        ({"status": "done"}, "status must be one of pending"),
        ({"sort": "oldest"}, "sort must be one of newest, longest, due"),
        ({"state": "none"}, "state must be one or several of ready"),
        ({"columns": "none"}, "columns must be some of state, task"),
        ({"since": "yesterday"}, "since must be relative"),
        ({"until": "1y"}, "until must be relative"),
        ({"id": "xyz"}, "id must be the start of a task id"),
        ({"cursor": "x"}, "cursor must come from an earlier page"),
        ({"worker": "nobody"}, "worker must be the name of a known worker"),
        ({"worker": "a\0b"}, "worker must be the name of a known worker"),
        ({"arguments": "a\0b"}, "arguments must have"),
        ({"queue": "x" * 256}, "queue must have 1 to 255 characters"),
    ],
)
def test_a_wrong_value_is_answered_with_the_form_and_what_is_wrong(
    signed_in: httpx.Client, query: dict[str, str], sentence: str
) -> None:
    page = signed_in.get(TASKS, params=query, follow_redirects=True)
    assert page.status_code == 400
    [problem] = re.findall(r'<p class="problem" role="alert">(.*?)</p>', page.text)
    assert html.unescape(problem).startswith(sentence)
    assert 'id="q"' in page.text
    assert "data-part" not in page.text
    [(name, value)] = query.items()
    if name not in {"cursor", "columns"} and "\0" not in value:
        assert value in words_of(page)


def test_it_takes_a_session(api: httpx.Client) -> None:
    assert api.get(TASKS).headers["location"] == "/login"


# Staying live


def test_nothing_of_it_changes_when_nothing_changed(signed_in: httpx.Client, made: dict[Status, str]) -> None:
    queue = queue_of(signed_in, made[Status.FAILED])

    def table() -> list[str]:
        page = signed_in.get(TASKS, params={"queue": queue})
        return re.findall(r'<div id="tasks-(?:count|table)".*', page.text, re.DOTALL)

    assert table() == table()


def test_ids_tell_when_a_task_was_enqueued(signed_in: httpx.Client, queue: str, api_database: str) -> None:
    old = UUID(int=id_at(1_700_000_000_000).int | 0x7000_8000_0000_0000_0001)
    on_connections(api_database, partial(enqueue, queue_name=queue, id=str(old)))
    page = signed_in.get(TASKS, params={"queue": queue, "until": "2023-11-15"})
    assert shown(page) == [str(old)]
    assert shown(signed_in.get(TASKS, params={"queue": queue, "since": "2023-11-15"})) == []


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

"""The page of failed tasks: what it groups, what it leads to, and what it offers to whom."""

import html
import re
from functools import partial

import httpx
import pytest

from lapinq_api.dashboard.views import failed
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn

pytestmark = pytest.mark.http

FAILED = "/failed"
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look has all the time it takes, also on a busy machine."""
    monkeypatch.setattr(failed, "groups", partial(failed.groups, seconds=5.0))


async def three_kinds(conn: Conn, queue: str) -> list[str]:
    """Five failed tasks of one kind, one of another, and one with another name; their ids."""
    ids = [
        task_id
        for number in range(5)
        for task_id in await fail(conn, 1, f"ValueError: no {number}\nmore", queue_name=queue)
    ]
    ids += await fail(conn, 1, "KeyError: 'a'", queue_name=queue)
    return ids + await fail(conn, 1, "ValueError: no 7", queue_name=queue, task_name="adder")


def groups_of(page: httpx.Response) -> list[tuple[str, str, str]]:
    """How many, the name and the kind of error, of each group."""
    assert page.status_code == 200, page.text
    rows = re.findall(r'<tr role="row" id="group-[0-9a-f]+">.*?</tr>', page.text, re.DOTALL)
    return [
        (
            re.findall(r'class="number size"[^>]*>([^<]*)<', row)[0],
            html.unescape(re.findall(r'role="rowheader">(.*?)</th>', row)[0]),
            html.unescape(re.findall(r'class="kind"><span[^>]*>(.*?)</span>', row)[0]),
        )
        for row in rows
    ]


def test_what_failed_alike_is_one_group_the_largest_first(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    ids = on_connections(api_database, partial(three_kinds, queue=queue))
    page = signed_in.get(FAILED, params={"queue": queue})
    assert groups_of(page) == [
        ("5", "add", "ValueError: no *"),
        ("1", "adder", "ValueError: no *"),
        ("1", "add", "KeyError: *"),
    ]
    assert f'href="tasks/{ids[4]}"' in page.text
    assert "failed tasks, all included." in page.text


def test_a_task_name_narrows_it_as_it_was_typed(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    on_connections(api_database, partial(three_kinds, queue=queue))
    assert len(groups_of(signed_in.get(FAILED, params={"queue": queue, "task_name": "ADDER"}))) == 1
    page = signed_in.get(FAILED, params={"queue": queue, "task_name": "a%r"})
    assert groups_of(page) == []
    assert "No failed task matches." in page.text


def test_a_group_leads_to_its_tasks_and_no_others(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    ids = on_connections(api_database, partial(three_kinds, queue=queue))
    page = signed_in.get(FAILED, params={"queue": queue})
    links = [html.unescape(link) for link in re.findall(r'href="(tasks\?[^"]+)"', page.text)]
    found = [re.findall(r'id="task-([0-9a-f-]+)"', signed_in.get(f"/{link}").text) for link in links]
    assert found == [ids[4::-1], [ids[6]], [ids[5]]]


def test_a_call_for_a_group_is_for_its_tasks_and_no_others(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    on_connections(api_database, partial(three_kinds, queue=queue))
    page = html.unescape(signed_in.get(FAILED, params={"queue": queue}).text)
    for act, method, path in (
        ("requeue", "POST", "/api/v1/tasks/requeue"),
        ("delete", "DELETE", "/api/v1/tasks"),
    ):
        queries = re.findall(rf'data-bulk="{act}" data-query="([^"]+)"', page)
        counts = [signed_in.request(method, f"{path}?{query}&dry_run=true").json() for query in queries]
        assert [one["matching"] for one in counts] == [5, 1, 1]
    [first, *_] = re.findall(r'data-bulk="requeue" data-query="([^"]+)"', page)
    answer = signed_in.post(f"/api/v1/tasks/requeue?{first}")
    assert answer.json() == {"requeued": 5}
    assert len(groups_of(signed_in.get(FAILED, params={"queue": queue}))) == 2


def test_it_says_how_many_of_the_newest_were_looked_at(
    signed_in: httpx.Client, queue: str, api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_connections(api_database, partial(three_kinds, queue=queue))
    monkeypatch.setattr(failed, "groups", partial(failed.groups, most=1))
    assert "2 smaller groups are not shown." in signed_in.get(FAILED, params={"queue": queue}).text
    monkeypatch.setattr(failed, "groups", partial(failed.groups, seconds=0.0))
    page = signed_in.get(FAILED, params={"queue": queue})
    assert "The search ran out of time." in page.text


def test_somebody_is_offered_what_they_may_do_in_a_queue(
    api: httpx.Client, signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    on_connections(api_database, partial(three_kinds, queue=queue))
    other = f"{queue} too"
    on_connections(api_database, partial(fail, count=1, queue_name=other))
    user = add_user(signed_in, "user", **{queue: ["requeue"]})
    with browser(api, user["username"], PASSWORD) as client:
        here, there = (client.get(FAILED, params={"queue": one}).text for one in (queue, other))
        assert set(re.findall(r'data-bulk="(\w+)"', here)) == {"requeue"}
        assert "data-bulk" not in there
        assert "Show tasks" in there


def test_what_others_named_is_escaped(signed_in: httpx.Client, api_database: str) -> None:
    on_connections(api_database, partial(fail, count=1, error=HOSTILE, queue_name=HOSTILE, task_name=HOSTILE))
    page = signed_in.get(FAILED, params={"queue": HOSTILE})
    assert len(groups_of(page)) == 1
    assert "<script>alert" not in page.text
    assert not re.search(r"<style|\sstyle=|\son\w+=", page.text)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"queue": "a\nb"}, "queue must have printable characters only."),
        ({"task_name": "x" * 1001}, "task_name must have at most 1000 characters"),
        ({"task_name": "a\0b"}, "task_name must have at most 1000 characters"),
    ],
)
def test_a_wrong_value_is_answered_with_the_form_and_what_is_wrong(
    signed_in: httpx.Client, query: dict[str, str], sentence: str
) -> None:
    page = signed_in.get(FAILED, params=query)
    assert page.status_code == 400
    assert sentence in page.text
    assert 'id="task_name"' in page.text
    assert "data-part" not in page.text


def test_nothing_of_it_changes_when_nothing_changed(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    on_connections(api_database, partial(three_kinds, queue=queue))

    def part() -> list[str]:
        page = signed_in.get(FAILED, params={"queue": queue})
        return re.findall(r'<div id="failed-groups".*', page.text, re.DOTALL)

    assert part() == part()

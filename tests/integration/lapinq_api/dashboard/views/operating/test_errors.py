"""The pages of errors: what they show of a group, and what they lead to."""

import html
import re
from uuid import uuid4

import httpx
import pytest

from lapinq_core.error_groups import changing, groups, recording
from lapinq_core.error_groups.groups import ErrorGroup, GroupFilter
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.database.running import on_connections
from tests.support.rows.factories import SOMEBODY, Conn
from tests.support.rows.failures import failures

pytestmark = pytest.mark.http

ERRORS = "/errors"
TRACEBACK = 'Traceback (most recent call last):\n  File "/app/mail.py", line 42, in send\n    smtp.send(letter)\nX: y\n'


async def count(conn: Conn, queue: str, *errors: str) -> list[ErrorGroup]:
    """The groups of these errors, after they were counted once each."""
    for error in errors:
        one = failures(error, queue=queue, task="add", retried=2, task_id=str(uuid4()), traceback=TRACEBACK)
        await recording.record(conn, [one], worker="box-7", release="2.4")
    found, _ = await groups.list_groups(conn, GroupFilter(queue=queue), descending=False)
    return found


def kinds_of(page: httpx.Response) -> list[str]:
    """The kinds of the groups that a list shows."""
    assert page.status_code == 200, page.text
    return [html.unescape(kind) for kind in re.findall(r'<a class="kind"[^>]*>([^<]*)</a>', page.text)]


def test_a_list_shows_open_and_regressed_groups_and_the_others_under_their_tabs(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    async def fill(conn: Conn) -> None:
        _, b, c, d = await count(conn, queue, "A: x", "B: x", "C: x", "D: x")
        for group in (b, c):
            await changing.resolve(conn, group.id, by=SOMEBODY)
        await count(conn, queue, "B: x")
        await changing.mute(conn, d.id, None, "known", by=SOMEBODY)

    on_connections(api_database, fill)

    def shown(**query: str) -> httpx.Response:
        return signed_in.get(ERRORS, params={"queue": queue, **query})

    for query, kinds in (
        ({}, ["B: x", "A: x"]),
        ({"sort": "last"}, ["A: x", "B: x"]),
        ({"sort": "-failed"}, ["B: x", "A: x"]),
        ({"state": "regressed"}, ["B: x"]),
        ({"state": "resolved"}, ["C: x"]),
        ({"state": "muted"}, ["D: x"]),
        ({"task_name": "nothing"}, []),
    ):
        assert kinds_of(shown(**query)) == kinds, query
    assert f"muted by {SOMEBODY.actor}: known" in shown(state="muted").text
    counts = re.findall(r'<span class="amount">(\d+)</span>', shown(task_name="AD").text)
    assert counts == ["2", "1", "1", "1"]
    assert "No error matches." in shown(task_name="nothing").text
    moved = signed_in.get("/failed", params={"queue": queue, "task_name": "a/b"})
    assert moved.status_code == 303
    assert moved.headers["location"] == f"/errors?{httpx.QueryParams({'queue': queue, 'task_name': 'a/b'})}"


def test_a_group_has_a_page_that_outlives_its_tasks(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    async def fill(conn: Conn) -> ErrorGroup:
        [group] = await count(conn, queue, "ValueError: no 1\nand why")
        return group

    page = signed_in.get(f"{ERRORS}/{on_connections(api_database, fill).id}").text
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    for words in (
        "ValueError: no *",
        "ValueError: no 1\nand why",
        "/app/mail.py:42 in send",
        "smtp.send(letter)",
        "box-7",
        "2.4",
        "Its task is no longer stored.",
        "No failed task is stored.",
    ):
        assert words in text
    assert re.findall(r'<rect class="retried"[^>]* height="64.0"', page) != []


def test_errors_are_listed_by_type(signed_in: httpx.Client, queue: str, api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        for task in ("add", "sub"):
            for error in ("A: x", "B: x"):
                await recording.record(conn, [failures(error, queue=queue, task=task)])

    on_connections(api_database, fill)
    by_type = html.unescape(signed_in.get(ERRORS, params={"queue": queue, "by": "type"}).text)
    links = re.findall(r'<a class="kind" href="errors\?([^"]+)">([^<]+)</a>', by_type)
    assert sorted(name for _, name in links) == ["A", "B"]
    for query, name in links:
        assert kinds_of(signed_in.get(f"{ERRORS}?{query}")) == [f"{name}: x"] * 2


def test_a_group_shows_what_was_merged_into_it_and_where_it_fails(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    async def fill(conn: Conn) -> ErrorGroup:
        await fail(conn, 2, "B: x", queue_name=queue, key="acme")
        await fail(conn, 1, "B: x", queue_name=queue, key="globex")
        for error, where in (("A: x", queue), ("B: x", queue), ("A: x", f"{queue}-2")):
            await recording.record(conn, [failures(error, queue=where, task="add")])
        (b, a), _ = await groups.list_groups(conn, GroupFilter(queue=queue))
        await changing.merge(conn, b.id, a.id, by=SOMEBODY)
        return a

    group = on_connections(api_database, fill)
    page = html.unescape(signed_in.get(f"{ERRORS}/{group.id}").text)
    spread = re.findall(r'<bdi>(acme|globex)</bdi></a></span>\s*<span class="amount">(\d+)</span>', page)
    assert spread == [("acme", "2"), ("globex", "1")]
    assert "Its newest 3 failed tasks" in page
    assert f"<bdi>{queue}-2</bdi>" in page
    assert '<span class="kind">B: x</span>' in page
    assert re.search(rf'data-to="api/v1/errors/{group.id}/split"', page)


def test_a_group_leads_to_its_failed_tasks_and_no_others(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    async def fill(conn: Conn) -> list[str]:
        ids = [
            task_id
            for number in range(3)
            for task_id in await fail(conn, 1, f"ValueError: no {number}\nmore", queue_name=queue)
        ]
        await fail(conn, 1, "KeyError: 'a'", queue_name=queue)
        await fail(conn, 1, "ValueError: no 7", queue_name=queue, task_name="adder")
        await recording.record(conn, [failures("ValueError: no 1", queue=queue, task="add")])
        return ids

    def tasks_on(address: str) -> list[str]:
        return re.findall(r'id="task-([0-9a-f-]+)"', signed_in.get(address).text)

    ids = on_connections(api_database, fill)
    listed = html.unescape(signed_in.get(ERRORS, params={"queue": queue}).text)
    (link,) = re.findall(r'href="(tasks\?[^"]+)"', listed)
    (number,) = re.findall(r'id="error-(\d+)"', listed)
    assert tasks_on(f"/{link}") == tasks_on(f"{ERRORS}/{number}") == ids[::-1]
    for act, method, path in (
        ("requeue", "POST", "/api/v1/tasks/requeue"),
        ("delete", "DELETE", "/api/v1/tasks"),
    ):
        (query,) = re.findall(rf'data-bulk="{act}" data-query="([^"]+)"', listed)
        counts = signed_in.request(method, f"{path}?{query}&dry_run=true").json()
        assert counts["matching"] == 3


def test_a_wrong_value_is_answered_with_the_form_and_what_is_wrong(signed_in: httpx.Client) -> None:
    for query, sentence in (
        ({"queue": "a\nb"}, "queue must have printable characters only."),
        ({"task_name": "x" * 1001}, "task_name must have 1 to 1000 characters"),
        ({"state": "new"}, "state must be one of open, regressed, muted, resolved."),
        ({"sort": "size"}, "sort must be one of last, first, failed, retried"),
    ):
        page = signed_in.get(ERRORS, params=query)
        assert (page.status_code, sentence in page.text) == (400, True), query
        assert 'name="task_name"' in page.text
        assert "data-part" not in page.text

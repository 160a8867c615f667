"""The pages of errors: what they show of a group, what they lead to, and what they offer to whom."""

import html
import re
from functools import partial
from uuid import uuid4

import httpx
import pytest

from lapinq_core.error_groups import changing, groups, recording
from lapinq_core.error_groups.groups import ErrorGroup, GroupFilter
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import SOMEBODY, Conn
from tests.support.rows.failures import failures

pytestmark = pytest.mark.http

ERRORS = "/errors"
HOSTILE = '"><script>alert(1)</script>'
TRACEBACK = 'Traceback (most recent call last):\n  File "/app/mail.py", line 42, in send\n    smtp.send(letter)\nX: y\n'


async def write(conn: Conn, queue: str, *errors: str, task: str = "add") -> list[ErrorGroup]:
    """The groups of these errors, after they were counted once each."""
    for error in errors:
        one = failures(error, queue=queue, task=task, retried=2, task_id=str(uuid4()), traceback=TRACEBACK)
        await recording.record(conn, [one], worker="box-7", release="2.4")
    found, _ = await groups.list_groups(conn, GroupFilter(queue=queue), descending=False)
    return found


def counted(database: str, queue: str, *errors: str, task: str = "add") -> list[ErrorGroup]:
    """The same in a database."""
    return on_connections(database, partial(_write, queue=queue, errors=errors, task=task))


async def _write(conn: Conn, queue: str, errors: tuple[str, ...], task: str) -> list[ErrorGroup]:
    return await write(conn, queue, *errors, task=task)


def kinds_of(page: httpx.Response) -> list[str]:
    """The kinds of the groups that a list shows."""
    assert page.status_code == 200, page.text
    return [html.unescape(kind) for kind in re.findall(r'<a class="kind"[^>]*>([^<]*)</a>', page.text)]


def test_a_list_shows_open_and_regressed_groups_and_the_others_under_their_tabs(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    async def fill(conn: Conn) -> None:
        a, b, c, d = await write(conn, queue, "A: x", "B: x", "C: x", "D: x")
        for group in (b, c):
            await changing.resolve(conn, group.id, by=SOMEBODY)
        await write(conn, queue, "B: x")
        await changing.mute(conn, d.id, None, "known", by=SOMEBODY)
        assert a.state == "open"

    on_connections(api_database, fill)

    def shown(**query: str) -> httpx.Response:
        return signed_in.get(ERRORS, params={"queue": queue, **query})

    assert kinds_of(shown()) == ["B: x", "A: x"]
    assert kinds_of(shown(sort="last")) == ["A: x", "B: x"]
    assert kinds_of(shown(sort="-failed")) == ["B: x", "A: x"]
    assert kinds_of(shown(state="regressed")) == ["B: x"]
    assert kinds_of(shown(state="resolved")) == ["C: x"]
    assert kinds_of(shown(state="muted")) == ["D: x"]
    assert f"muted by {SOMEBODY.actor}: known" in shown(state="muted").text
    counts = re.findall(r'<span class="amount">(\d+)</span>', shown(task_name="AD").text)
    assert counts == ["2", "1", "1", "1"]
    assert kinds_of(shown(task_name="nothing")) == []
    assert "No error matches." in shown(task_name="nothing").text


def test_a_group_has_a_page_that_outlives_its_tasks(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    (group,) = counted(api_database, queue, "ValueError: no 1\nand why")
    page = signed_in.get(f"{ERRORS}/{group.id}")
    assert page.status_code == 200
    text = html.unescape(re.sub(r"<[^>]+>", "", page.text))
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
    assert re.findall(r'<rect class="retried"[^>]* height="64.0"', page.text) != []
    assert signed_in.get(f"{ERRORS}/{group.id + 10**6}").status_code == 404
    for wrong in ("x", "0", str(10**18)):
        assert signed_in.get(f"{ERRORS}/{wrong}").status_code == 400


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
        await write(conn, queue, "ValueError: no 1")
        return ids

    ids = on_connections(api_database, fill)
    listed = html.unescape(signed_in.get(ERRORS, params={"queue": queue}).text)
    (link,) = re.findall(r'href="(tasks\?[^"]+)"', listed)
    assert re.findall(r'id="task-([0-9a-f-]+)"', signed_in.get(f"/{link}").text) == ids[::-1]
    for act, method, path in (
        ("requeue", "POST", "/api/v1/tasks/requeue"),
        ("delete", "DELETE", "/api/v1/tasks"),
    ):
        (query,) = re.findall(rf'data-bulk="{act}" data-query="([^"]+)"', listed)
        counts = signed_in.request(method, f"{path}?{query}&dry_run=true").json()
        assert counts["matching"] == 3
    (number,) = re.findall(r'id="error-(\d+)"', listed)

    shown = re.findall(r'id="task-([0-9a-f-]+)"', signed_in.get(f"{ERRORS}/{number}").text)
    assert shown == ids[::-1]


def test_somebody_is_offered_what_they_may_do_in_a_queue(
    api: httpx.Client, signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    other = f"{queue} too"
    for one in (queue, other):
        counted(api_database, one, "A: x")
    user = add_user(signed_in, "user", **{queue: ["requeue"]})
    with browser(api, user["username"], PASSWORD) as client:
        here, there = (client.get(ERRORS, params={"queue": one}).text for one in (queue, other))
        assert set(re.findall(r'data-bulk="(\w+)"', here)) == {"requeue"}
        assert set(re.findall(r'data-to="api/v1/errors/\d+/(\w+)"', here)) == {"resolve", "mute"}
        assert not re.search(r"data-bulk|data-to=.api/v1/errors", there)
        assert "Show tasks" in there
        assert re.findall(r'aria-disabled="true"[^>]*>([^<]+)<', there) == [
            "Requeue",
            "Resolve",
            "Delete failed tasks",
        ]


def test_what_others_named_is_escaped(signed_in: httpx.Client, api_database: str) -> None:
    (group,) = counted(api_database, HOSTILE, HOSTILE, task=HOSTILE)
    for page in (signed_in.get(ERRORS, params={"queue": HOSTILE}), signed_in.get(f"{ERRORS}/{group.id}")):
        assert page.status_code == 200
        assert "alert(1)" in page.text
        assert "<script>alert" not in page.text
        assert not re.search(r"<style|\sstyle=|\son\w+=", page.text)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"queue": "a\nb"}, "queue must have printable characters only."),
        ({"task_name": "x" * 1001}, "task_name must have 1 to 1000 characters"),
        ({"task_name": "a\0b"}, "task_name must have 1 to 1000 characters"),
        ({"state": "new"}, "state must be one of open, regressed, muted, resolved."),
        ({"sort": "size"}, "sort must be one of last, first, failed, retried"),
    ],
)
def test_a_wrong_value_is_answered_with_the_form_and_what_is_wrong(
    signed_in: httpx.Client, query: dict[str, str], sentence: str
) -> None:
    page = signed_in.get(ERRORS, params=query)
    assert page.status_code == 400
    assert sentence in page.text
    assert 'name="task_name"' in page.text
    assert "data-part" not in page.text


def test_nothing_of_it_changes_when_nothing_changed(
    signed_in: httpx.Client, queue: str, api_database: str
) -> None:
    (group,) = counted(api_database, queue, "A: x")
    for path in (f"{ERRORS}?queue={queue}", f"{ERRORS}/{group.id}"):
        parts = [
            re.findall(r'<div id="[^"]+" data-part.*', signed_in.get(path).text, re.DOTALL) for _ in range(2)
        ]
        assert parts[0] == parts[1] != []


def test_the_old_address_leads_to_the_same_queue(signed_in: httpx.Client, queue: str) -> None:
    moved = signed_in.get("/failed", params={"queue": queue, "task_name": "a/b"}, follow_redirects=False)
    assert moved.status_code == 303
    assert moved.headers["location"] == "/errors?" + str(
        httpx.QueryParams({"queue": queue, "task_name": "a/b"})
    )

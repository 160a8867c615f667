"""The steps of a durable task on its page, and a suspended task on all pages."""

import re

import httpx
import psycopg
import pytest

from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.durable import step, suspend, wait_for
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http


@pytest.fixture
def task(api_database: str, queue: str) -> str:
    """One that has steps, and waits for a signal."""

    async def make(conn: Conn) -> str:
        await enqueue(conn, queue_name=queue)
        [claimed] = await claim(conn, await add_worker(conn), queue=queue)
        await step(conn, claimed, "charge <b>", '{"card": "4111", "paid": true}')
        for number in range(6):
            await step(conn, claimed, f"page[{number}]", "1")
        await step(conn, claimed, "large", f'"{"x" * 5000}"')
        await wait_for(conn, claimed, "approve", seconds=None)
        await suspend(conn, claimed)
        return claimed.id

    return on_connections(api_database, make)


def lanes(client: httpx.Client, task: str) -> dict[str, str]:
    """The rows of the figure, by the names of their steps."""
    page = client.get(f"/tasks/{task}").text
    rows = re.findall(r'<tr role="row" id="step-.*?</tr>', page, re.DOTALL)
    return {re.findall(r"<summary><bdi>(.*?)</bdi>", row)[0]: row for row in rows}


def test_steps_are_drawn_with_their_results_and_many_of_a_name_are_one_row(
    signed_in: httpx.Client, task: str
) -> None:
    rows = lanes(signed_in, task)
    assert list(rows) == ["charge &lt;b&gt;", "page", "large", "wait for approve"]
    charge, page, large, waits = rows.values()
    assert "4111" in charge
    assert "x…" in large
    assert (
        'data-body="{&#34;from_step&#34;:&#34;charge &lt;b&gt;&#34;,&#34;from_occurrence&#34;:0}"' in charge
    )
    assert "× 6" in page
    assert "/rerun" not in page
    assert 'class="status pending">waits' in waits
    assert re.search(r'<rect class="waits"[^>]*data-begin="[^"]*"(?![^>]*data-end)', waits)
    assert all('role="img" aria-label="' in row for row in rows.values())


def test_results_are_hidden_as_arguments_are(
    serve: Serve, signed_in: httpx.Client, task: str, queue: str, db: psycopg.Connection
) -> None:
    del db
    user = add_user(signed_in, "user", **{queue: ["cancel"]})
    with browser(serve(redact=("card",)), user["username"], PASSWORD) as client:
        rows = lanes(client, task)
    assert "4111" not in rows["charge &lt;b&gt;"]
    assert "[hidden]" in rows["charge &lt;b&gt;"]
    assert "paid" in rows["charge &lt;b&gt;"]
    assert "xxx" not in rows["large"]  # what is cut can't be searched for hidden values
    assert "/rerun" not in rows["charge &lt;b&gt;"]


def test_a_suspended_task_is_called_so_and_never_due_in_the_year_8000(
    signed_in: httpx.Client, task: str, queue: str
) -> None:
    pages = {
        name: signed_in.get(address).text
        for name, address in {
            "task": f"/tasks/{task}",
            "list": f"/tasks?queue={queue}",
            "search": f"/tasks?queue={queue}&state=suspended",
            "scheduled": f"/tasks?queue={queue}&state=scheduled",
            "due": f"/tasks?queue={queue}&sort=due",
            "queue": f"/queue?name={queue}",
            "queues": "/queues",
            "overview": "/",
            "waits": "/waits",
        }.items()
    }
    assert [name for name, text in pages.items() if re.search(r"(?<![\d:])8000", text)] == []
    shown = re.compile(rf'<tr role="row" id="task-{task}".*?</tr>', re.DOTALL)
    for name in ("list", "search"):
        [row] = shown.findall(pages[name])
        assert 'class="status pending suspended" title="pending">suspended<' in row
    for name in ("scheduled", "due"):
        assert not shown.search(pages[name]), name
    assert 'class="status pending suspended"' in pages["task"]
    assert f"{task}/run" not in pages["task"]
    assert f"tasks/{task}/signal" in pages["task"]

"""What holds of every page: nothing that people named is run or trusted, it changes only with what it shows, and it
says what it was asked wrongly."""

import re
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from lapinq_api.dashboard.page.view import Views
from lapinq_api.dashboard.views import VIEWS
from lapinq_core.domain.annotations.form_fields import form_fields
from lapinq_core.domain.tasks.diagnostics.profile import Frame, collapsed, packed
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.error_groups import recording
from lapinq_core.fleet import workers
from lapinq_core.schedules import firing, schedules
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.support.database.running import on_connections
from tests.support.http.people import add_user
from tests.support.rows.decisions import asking
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, enqueue
from tests.support.rows.failures import failures
from tests.support.rows.schedules import add_schedule
from tests.support.sample.typed import HOSTILE_DEFAULT, take

pytestmark = pytest.mark.http

NIL = "00000000-0000-0000-0000-000000000000"
NAME = "\"><script>alert(1)<b> & '"
HOSTILE = f"</script>{NAME} onload='x \u202eevil"
IN_PATH = quote(NAME, safe="")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
TRACEBACK = f'Traceback (most recent call last):\n  File "/srv/{HOSTILE}.py", line 7, in send\n    mail()\n{HOSTILE}\n'


@pytest.fixture(scope="module")
def addresses(api_database: str, db: psycopg.Connection, signed_in: httpx.Client) -> list[str]:
    """Every page, on a server where everything has a hostile name."""

    async def fill(conn: Conn) -> tuple[str, str, str, str]:
        worker = await add_worker(conn, name=NAME, queues=[NAME])
        await workers.record_registered(
            conn, worker, [Registered("take", "shop", NAME, {}, form_fields(take.__wrapped__))]
        )
        values: dict[str, Any] = {
            "queue_name": NAME,
            "task_name": NAME,
            "args": [HOSTILE, {HOSTILE: [HOSTILE]}],
            "metadata": {HOSTILE: HOSTILE},
            "key": NAME,
            "webhook_url": f"https://hooks.example/{NAME}",
        }
        [failed], [waiting] = await enqueue(conn, **values), await enqueue(conn, **values)
        for _ in range(2):
            [held] = await claim(conn, worker, queue=NAME)
            if held.id == failed:
                ended = Ended(held.id, held.token, True, True, 0, HOSTILE, TRACEBACK, logs=HOSTILE)
                await worker_verbs.settle(conn, [ended])
            else:
                await worker_verbs.report_progress(conn, [(held.id, held.token, 40, HOSTILE)])
        counted = failures(HOSTILE, queue=NAME, task=NAME, task_id=failed, traceback=TRACEBACK)
        await recording.record(conn, [counted], worker=NAME, release=NAME)
        await add_schedule(conn, NAME, task_name=NAME, queue_name=NAME, metadata={HOSTILE: HOSTILE})
        await firing.run_now(conn, NAME, by=SOMEBODY)
        await schedules.pause(conn, NAME, NAME, by=SOMEBODY)
        schema = {"properties": {NAME: {"type": "string", "title": HOSTILE, "description": HOSTILE}}}
        asked, _ = await asking(
            conn, queue="asked", name=NAME, task=NAME, title=HOSTILE, text=HOSTILE, schema=schema
        )
        return worker, failed, waiting, asked

    worker, failed, running, asked = on_connections(api_database, fill)
    profile = collapsed({(Frame(HOSTILE, f"/srv/{HOSTILE}.py", 7),): 9}, interval=0.005, seconds=1.0)
    db.execute("UPDATE lapinq_attempts SET profile = %s WHERE task_id = %s", (packed(profile), failed))
    task = {"ref": NAME, "task_name": NAME, "module_path": "shop", "queue_name": NAME}
    child = {**task, "ref": f"{NAME}2", "after": [NAME]}
    flow = {"name": NAME, "metadata": {HOSTILE: HOSTILE}, "tasks": [task, child]}
    workflow = signed_in.post("/api/v1/workflows", json=flow).json()
    rule = {
        "name": NAME,
        "kind": "mail",
        "addresses": ["lisa@example.org"],
        "events": ["backlog"],
        "queues": [NAME],
    }
    for path, body in (
        (f"/api/v1/queues/{IN_PATH}/pause", {"reason": NAME}),
        ("/api/v1/keys", {"name": NAME, "scopes": ["read"], "queues": [NAME]}),
        ("/api/v1/notify/rules", rule),
        (f"/api/v1/tasks/cancel?queue={IN_PATH}&args={IN_PATH}&background=true", None),
    ):
        assert signed_in.post(path, json=body).is_success, path
    assert signed_in.put(f"/api/v1/breakers/{IN_PATH}", json={"failures_in_row": 5}).is_success
    add_user(signed_in, "user", **{NAME: ["pause"]})
    [group] = signed_in.get("/api/v1/errors").json()
    return [
        "/", f"/tasks?queue={IN_PATH}", "/tasks/new", f"/tasks/{failed}", f"/tasks/{running}",
        f"/tasks/{failed}/profile", f"/tasks/{failed}/again", f"/errors?queue={IN_PATH}", f"/errors/{group['id']}",
        f"/queues?q={IN_PATH}", f"/queue?name={IN_PATH}", f"/queue/keys?name={IN_PATH}", "/limits",
        f"/key?name={IN_PATH}", f"/functions?q={IN_PATH}", f"/function?name={IN_PATH}",
        f"/workflows?name={IN_PATH}", f"/workflows/{workflow['workflow_id']}",
        f"/schedules?name={IN_PATH}", "/schedules/new", f"/schedules/{IN_PATH}", f"/schedules/{IN_PATH}/edit",
        f"/schedules/{IN_PATH}/run",
        f"/waits?name={IN_PATH}", f"/tasks/{asked}/signal?name={IN_PATH}", "/workers", f"/workers/{worker}",
        "/bulk-actions", f"/webhooks?queue={IN_PATH}", "/admin/users", "/admin/notifications",
        f"/admin/audit?target={IN_PATH}", "/tasks/new?task=take&module=shop", "/account", f"/search?text={IN_PATH}",
    ]  # fmt: skip


def test_what_people_named_is_escaped_and_nothing_is_inline(
    signed_in: httpx.Client, addresses: list[str]
) -> None:
    views = Views(VIEWS)
    assert {views.find(address)[0] for address in addresses[:-2]} == set(VIEWS)
    for address in addresses:
        page = signed_in.get(address)
        assert page.status_code == 200, address
        assert page.headers.get_list("content-security-policy") == [POLICY], address
        assert page.headers["cache-control"] == "no-store", address
        for raw in ("<script>alert", "<b> &", "\u202e", HOSTILE_DEFAULT):
            assert raw not in page.text, address
        assert "alert(1)" in page.text or address in {"/limits", "/account", addresses[-3]}, address
        without_values = re.sub(r'"[^"]*"', '""', page.text)
        inline = r"<style|\sstyle=|<[^>]+\son\w+=|<script(?![^>]*\ssrc=)"
        assert not re.search(inline, without_values), address
    failed = signed_in.get(addresses[3]).text
    assert failed.count("\\u202eevil") >= 6  # arguments, metadata, error, traceback, log


def test_a_page_stays_the_same_while_nothing_happens(signed_in: httpx.Client, addresses: list[str]) -> None:
    def parts(address: str) -> str:
        _, _, live = re.sub(r'data-now="[^"]*"', "", signed_in.get(address).text).partition(" data-part")
        assert live
        return live

    for address in ("/?window=7d", *addresses[1:2], *addresses[3:5], *addresses[7:9]):
        # Between the first two, a new point of a chart may begin.
        assert any(parts(address) == parts(address) for _ in range(2)), address


WRONG = {
    "/": ["window=1", "window=%00", "window=1h ", "sort=size"],
    "/admin/audit": ["actor=%00", "target=" + "x" * 1001, "since=yesterday", "cursor=x"],
    "/queues": ["q=%00", "q=" + "x" * 256, "order=size", "order=%22%3E", "trouble=x", "cursor=-1"],
    "/queue": ["", "name=", "name=%07", "name=" + "x" * 256, "name=a&window=2h"],
    "/functions": ["q=%00", "window=2h", "sort=size", "cursor=x"], "/function": ["", "name=%07", "name=a&window=2h"],
    "/key": ["", "name=%07", "name=" + "x" * 256, "name=a&queue=%07"],
    "/queue/keys": ["", "name=a&prefix=%07", "name=a&cursor=x", "name=a&prefix=" + "x" * 256],
    "/schedules": ["queue=%00", "state=lost", "name=%00", "cursor=%22%3E", "cursor=x"],
    f"/schedules/{IN_PATH}": ["cursor=x", "cursor=0001-01-01T00:00:00%2B14:00"],
    "/workflows": ["status=lost", "name=%00", "cursor=x"], f"/workflows/{NIL}": ["status=lost", "fold=x", "cursor=x"],
    "/workflows/x": [""], "/webhooks": ["state=lost", "queue=%00", "task_id=x", "cursor=x", "cursor=%22%3E"],
    "/tasks/x": [""], f"/tasks/{NIL[:-1]}": [""], "/errors/x": [""], "/errors/0": [""], f"/errors/{10**18}": [""],
    "/schedules/%20x": [""], f"/schedules/{'x' * 256}/edit": [""],
}  # fmt: skip
UNKNOWN = {
    f"/tasks/{NIL}": "there is no task with this id", f"/tasks/{NIL}/again": "no task", f"/tasks/{NIL}/profile": "no",
    "/errors/1000000": "there is no group", "/schedules/none": "there is no schedule of this name",
    "/schedules/none/edit": "there is no schedule", "/workers/x": "no",
    f"/workflows/{NIL}": "there is no workflow with this id",
}  # fmt: skip


def test_what_cannot_be_asked_and_what_is_not_there_are_told_by_a_page(
    signed_in: httpx.Client, addresses: list[str]
) -> None:
    assert addresses
    for path, queries in WRONG.items():
        for query in queries:
            answer = signed_in.get(f"{path}?{query}")
            assert answer.status_code == 400, (path, query)
            assert "The page does not understand this request" in answer.text
            assert "<h1" in answer.text
    for path, sentence in UNKNOWN.items():
        answer = signed_in.get(path)
        assert (answer.status_code, sentence in answer.text.lower()) == (404, True), path
        assert "<h1" in answer.text

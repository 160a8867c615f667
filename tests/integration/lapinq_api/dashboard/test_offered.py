"""What pages offer to whom: just the calls that somebody may make."""

import re

import httpx
import msgspec
import psycopg
import pytest

from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.requests.workflows import read_workflow
from lapinq_core.error_groups import recording
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from lapinq_core.workflows.storing import store
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn, add_worker, claim, enqueue
from tests.support.rows.failures import failures
from tests.support.rows.schedules import add_schedule

pytestmark = pytest.mark.http

LATER = "2099-01-01T00:00:00Z"
CANCEL, REQUEUE, DELETE = Permission.CANCEL, Permission.REQUEUE, Permission.DELETE
PAUSE, ENQUEUE, DECIDE = Permission.PAUSE, Permission.ENQUEUE, Permission.DECIDE

OFFERED: dict[str, dict[Permission, set[str]]] = {
    "/queues?q=mail": {PAUSE: {"queues/mail/pause"}},
    "/queue?name=mail": {PAUSE: {"queues/mail/pause"}},
    "/queue?name=broken": {},
    "/schedules": {PAUSE: {"schedules/nightly/pause"}, ENQUEUE: {"schedules/nightly/run"}},
    "/schedules/nightly": {
        PAUSE: {"schedules/nightly/pause"},
        ENQUEUE: {"schedules/nightly/run", "schedules/nightly"},
    },
    "/errors?queue=mail": {REQUEUE: {"errors/N/resolve", "errors/N/mute", "requeue"}, DELETE: {"delete"}},
    "/webhooks?queue=mail": {REQUEUE: {"webhooks/N/resend"}},
    "/tasks/{failed}": {
        REQUEUE: {"tasks/N/requeue", "webhooks/N/resend"},
        DELETE: {"tasks?id=N&amp;queue=mail"},
        ENQUEUE: {"tasks/N/rerun"},
    },
    "/tasks/{waiting}": {
        CANCEL: {"tasks/N"},
        REQUEUE: {"tasks/N/run"},
        DELETE: {"tasks?id=N&amp;queue=mail"},
        ENQUEUE: {"tasks/N/rerun"},
    },
    "/workflows": {CANCEL: {"workflows/N"}, REQUEUE: {"workflows/N/retry"}},
    "/workflows/{workflow}": {
        CANCEL: {"workflows/N"},
        REQUEUE: {"workflows/N/retry"},
        ENQUEUE: {"workflows/N/close"},
    },
    "/workers": {},
    "/workers/{worker}": {},
    "/limits": {},
    "/functions": {},
    "/function?name=add": {},
}
"""By page, what a permission on the queue mail is for."""
GIVEN = (
    (CANCEL, REQUEUE, PAUSE, DECIDE),
    (CANCEL, DELETE, ENQUEUE, DECIDE),
    (REQUEUE, DELETE, Permission.PAYLOAD, DECIDE),
)
"""What three users may do: no two permissions are given to the same of them."""
TO_ADMINS = {
    "/queue?name=mail": {"queues/mail"},
    "/queues?q=mail": set[str](),
    "/workers": {"workers/N/quiet", "workers/N/stop"},
    "/limits": {"limits/gpu"},
    "/function?name=add": {"breakers/add"},
}


@pytest.fixture(scope="module")
def made(api_database: str, db: psycopg.Connection, signed_in: httpx.Client) -> dict[str, str]:
    async def fill(conn: Conn) -> dict[str, str]:
        worker = await add_worker(conn)
        [failed] = await enqueue(conn, queue_name="mail", webhook_url="https://hooks.example/")
        [held] = await claim(conn, worker, queue="mail")
        await worker_verbs.settle(conn, [Ended(failed, held.token, True, True, 0, "A: x")])
        await recording.record(conn, [failures("A: x", task="add", task_id=failed)])
        [waiting] = await enqueue(conn, queue_name="mail", scheduled_at=LATER)
        await enqueue(conn, queue_name="other")
        await add_schedule(conn, queue_name="mail")
        await add_schedule(conn, "elsewhere", queue_name="other")
        # One task fails; its workflow is open, so it goes on.
        part = {"ref": "a", "task_name": "add", "module_path": "json", "queue_name": "mail"}
        asked = {"name": "report", "open": True, "tasks": [part]}
        workflow = read_workflow(msgspec.json.encode(asked))
        await store(conn, workflow)
        [held] = await claim(conn, worker, queue="mail")
        await worker_verbs.settle(conn, [Ended(held.id, held.token, True, True, 0, "A: x")])
        return {"failed": failed, "waiting": waiting, "worker": worker, "workflow": workflow.id}

    ids = on_connections(api_database, fill)
    db.execute("UPDATE lapinq_webhooks SET state = 'given_up'")
    assert signed_in.put("/api/v1/limits/gpu", json={"max_running": 2}).is_success
    return ids


def offered(client: httpx.Client, page: str, made: dict[str, str]) -> set[str]:
    """The calls that the page offers, with N for ids."""
    answer = client.get(page.format(**made))
    assert answer.status_code == 200
    calls = re.findall(r'data-(?:dialog-)?to="api/v1/([^"]+)"', answer.text)
    calls += re.findall(r'data-bulk="(\w+)"', answer.text)
    return {re.sub(r"[0-9a-f-]{36}|(?<=errors/)\d+", "N", call) for call in calls}


def test_a_permission_is_for_its_calls_alone(signed_in: httpx.Client, made: dict[str, str]) -> None:
    assert set[Permission]().union(*GIVEN) == set(Permission)
    for given in GIVEN:
        user = add_user(signed_in, mail=[permission.value for permission in given])
        with browser(signed_in, user["username"], PASSWORD) as client:
            for page, expected in OFFERED.items():
                calls = set[str]().union(*(expected.get(permission, set()) for permission in given))
                assert offered(client, page, made) == calls, (page, given)


def test_an_admin_is_offered_all_and_on_a_read_only_server_nothing(
    signed_in: httpx.Client, made: dict[str, str], serve: Serve
) -> None:
    with browser(serve(read_only=True)) as reading:
        for page, expected in OFFERED.items():
            everything = set[str]().union(*expected.values(), TO_ADMINS.get(page, set()))
            assert offered(signed_in, page, made) >= everything, page
            assert offered(reading, page, made) == set(), page
        for page in ("/tasks", "/schedules", "/workflows"):
            assert not re.search(r'data-each|data-select|href="[^"]*/new"', reading.get(page).text)


def test_who_may_do_nothing_is_told_what_it_takes(signed_in: httpx.Client, made: dict[str, str]) -> None:
    with browser(signed_in, add_user(signed_in)["username"], PASSWORD) as client:
        for page, words in (
            ("/queues?q=mail", "Pause: Needs the permission “pause” on mail"),
            ("/webhooks?queue=mail", "Needs the permission “requeue” on mail"),
            ("/errors?queue=mail", "Resolve: Needs the permission “requeue” on mail"),
            ("/workers", "Stop: Only admins can do this"),
            ("/workflows", "Cancel: Needs the permission “cancel” on the queues of all its tasks"),
            ("/limits", "New limit: Only admins can do this"),
            ("/schedules", "New schedule: "),
        ):
            assert words in client.get(page).text, page
            assert offered(client, page, made) == set(), page

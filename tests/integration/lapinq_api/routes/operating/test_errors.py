"""Groups of errors over HTTP: which there are, and what people say of them."""

from typing import Any

import httpx
import psycopg

from lapinq_core.error_groups import recording
from lapinq_core.error_groups.groups import ErrorGroup
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn
from tests.support.rows.failures import failures

ERRORS = "/api/v1/errors"


def fail(database: str, queue: str, *errors: str) -> None:
    """Counts failures with these errors."""

    async def write(conn: Conn) -> None:
        for error in errors:
            await recording.record(conn, [failures(error, queue=queue)])

    on_connections(database, write)


def listed(client: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    answer = client.get(ERRORS, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_groups_are_listed_newest_first_page_by_page(
    api: httpx.Client, api_database: str, queue: str
) -> None:
    fail(api_database, queue, "A: 1", "B: 2", "C: 3")
    groups = listed(api, queue=queue)
    assert [group["kind"] for group in groups] == ["C: *", "B: *", "A: *"]
    assert list(groups[0]) == list(ErrorGroup.__struct_fields__)
    first = api.get(ERRORS, params={"queue": queue, "limit": 2})
    assert first.json() == groups[:2]
    rest = api.get(ERRORS, params={"queue": queue, "limit": 2, "cursor": first.headers["X-Next-Cursor"]})
    assert rest.json() == groups[2:]
    assert "X-Next-Cursor" not in rest.headers
    assert api.get(f"{ERRORS}/{groups[0]['id']}").json() == groups[0]
    assert listed(api, queue=queue, state="resolved") == listed(api, queue=queue, task_name="x") == []
    assert len(listed(api, queue=queue, task_name="SEN", state="open")) == 3


def test_a_group_is_resolved_muted_and_reopened(
    api: httpx.Client, api_database: str, queue: str, db: psycopg.Connection
) -> None:
    fail(api_database, queue, "A: 1")
    (group,) = listed(api, queue=queue)
    path = f"{ERRORS}/{group['id']}"
    assert api.post(f"{path}/resolve").json()["state"] == "resolved"
    fail(api_database, queue, "A: 1")
    assert api.get(path).json()["state"] == "regressed"
    muted = api.post(f"{path}/mute", json={"seconds": 60, "reason": "known"}).json()
    assert (muted["state"], muted["state_reason"]) == ("muted", "known")
    assert api.post(f"{path}/reopen").json()["state"] == "open"
    noted = db.execute(
        "SELECT action, details FROM lapinq_audit WHERE target = %s ORDER BY id", (str(group["id"]),)
    ).fetchall()
    assert [action for action, _ in noted] == ["error.resolve", "error.mute", "error.reopen"]
    assert noted[1][1] == {
        "queue": queue, "task_name": "send", "kind": "A: *", "seconds": 60.0, "reason": "known",
    }  # fmt: skip


def test_muting_takes_an_end_or_a_reason(api: httpx.Client, api_database: str, queue: str) -> None:
    fail(api_database, queue, "A: 1")
    (group,) = listed(api, queue=queue)
    for body, field in (
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": "a\0b"}, "reason"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": 1e9}, "seconds"),
        ({"seconds": "1"}, "seconds"),
        ({"until": 1}, "until"),
    ):
        answer = api.post(f"{ERRORS}/{group['id']}/mute", json=body)
        assert (answer.status_code, field in answer.text) == (400, True), body
    assert listed(api, queue=queue) == [group]


def test_what_names_no_group(api: httpx.Client) -> None:
    assert api.get(f"{ERRORS}/{10**17}").status_code == 404
    assert api.post(f"{ERRORS}/{10**17}/resolve").status_code == 404
    for wrong in ("0", "x", "-1", str(10**18), "1.0"):
        assert api.get(f"{ERRORS}/{wrong}").status_code == 400
    for wrong in ({"state": "new"}, {"queue": ""}, {"task_name": ""}, {"cursor": "x"}, {"sort": "x"}):
        assert api.get(ERRORS, params=wrong).status_code == 400
